import {
  type CircuitRelayServerComponents,
  type CircuitRelayServerInit,
  circuitRelayServer,
  type CircuitRelayService,
} from '@libp2p/circuit-relay-v2'
import type { Stream } from '@libp2p/interface'
import type { ProtobufStream } from '@libp2p/utils'
import type { Clock } from '#lib/protocol/seams.ts'
import { QuotaError } from './errors.ts'

export interface CircuitLimits {
  circuitBytes: bigint
  circuitDurationMs: number
}

/** What of libp2p's server is used beyond its types: both are methods that it calls by itself. */
interface Inside extends CircuitRelayService {
  handleConnect(
    asked: { stream: Pick<ProtobufStream<Stream>, 'pb' | 'unwrap'> },
    options: unknown,
  ): Promise<void>
  stopHop(...asked: unknown[]): Promise<Stream | undefined>
}

/** Thrown where libp2p would join both streams. */
const READY = new QuotaError('both streams of a circuit are ready')

/**
 * libp2p's circuit relay (https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md), whose circuits take no more than they
 * can pass on. Joined by libp2p itself, one keeps all bytes that its caller ever sent, and reads on while the other side does not.
 */
export function pacedCircuits(
  { clock }: { clock: Clock },
  init: CircuitRelayServerInit,
  limits: CircuitLimits,
): (components: CircuitRelayServerComponents) => CircuitRelayService {
  const create = circuitRelayServer(init)
  return (components) => {
    const server = create(components) as Inside
    const libp2ps = Object.getPrototypeOf(server) as Inside
    server.handleConnect = async (asked, options) => {
      let far: Stream | undefined
      const view = Object.create(server, {
        stopHop: {
          value: async (...stop: unknown[]) => (far = await server.stopHop(...stop)),
        },
      }) as Inside
      const stream = {
        pb: asked.stream.pb.bind(asked.stream),
        unwrap: () => {
          throw READY
        },
      }
      try {
        await libp2ps.handleConnect.call(view, { ...asked, stream }, options)
      } catch (error) {
        if (error !== READY) throw error
        join({ clock }, asked.stream.unwrap(), far!, limits)
      }
    }
    return server
  }
}

/** Two streams that carry each other's bytes until both have ended, one breaks or a limit is reached. */
function join(
  { clock }: { clock: Clock },
  near: Stream,
  far: Stream,
  { circuitBytes, circuitDurationMs }: CircuitLimits,
): void {
  let left = circuitBytes
  const end = (error: Error): void => {
    near.abort(error)
    far.abort(error)
  }
  const cancel = clock.after(circuitDurationMs, () => {
    end(new QuotaError(`a circuit of ${circuitDurationMs} ms`))
  })
  const carry = (from: Stream, to: Stream): void => {
    // Both after whatever calls: a muxer tells all its streams that there is room, and the first may take it.
    const pause = (): void => {
      if (to.writableNeedsDrain && from.readStatus === 'readable') from.pause()
    }
    const resume = (): void => {
      if (!to.writableNeedsDrain && from.readStatus === 'paused') from.resume()
    }
    from.addEventListener('message', ({ data }) => {
      left -= BigInt(data.byteLength)
      try {
        if (left < 0n) throw new QuotaError(`a circuit of ${circuitBytes} bytes`)
        if (to.writeStatus === 'writable' && !to.send(data)) queueMicrotask(pause)
      } catch (error) {
        end(error as Error)
      }
    })
    to.addEventListener('drain', () => {
      queueMicrotask(resume)
    })
    from.addEventListener('end', () => {
      if (from.status === 'open' || from.status === 'closed') to.close().catch(end)
    })
    from.addEventListener('close', ({ error }) => {
      cancel()
      // Nobody is there any more for what the other side still sends.
      if (error !== undefined || to.remoteWriteStatus !== 'closed') {
        to.abort(error ?? new QuotaError('the other side of the circuit is gone'))
      }
    })
  }
  carry(near, far)
  carry(far, near)
  // One may have ended while the other was told that it is open.
  if (near.status !== 'open' || far.status !== 'open') end(new QuotaError('half a circuit'))
}
