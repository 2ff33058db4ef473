import type { RawData, WebSocket } from 'ws'
import { rendezvousWord } from '#lib/protocol/rendezvous/join.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import type { CostlyLimits } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { Pipe } from './pipe.ts'

export interface MeetingComponents {
  clock: Clock
  refusals: Refusals
  costly: Pick<CostlyLimits, 'circuitBytes' | 'circuitDurationMs' | 'slowReaderTimeoutMs'>
}

/** Ended, and not because something was wrong: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const NORMAL_CLOSURE = 1_000

/** Without a closing handshake. */
const ABNORMAL_CLOSURE = 1_006

/**
 * Two that are joined: the bytes of each go to the other until one of them goes, breaks a rule, or the share of a circuit is used up:
 * what a relay carries for two people costs it the same, whichever way.
 */
export class Meeting {
  readonly #components: MeetingComponents
  readonly #sockets: readonly [WebSocket, WebSocket]
  readonly #cancelLimit: () => void
  #leftBytes: bigint
  #over = false

  constructor(components: MeetingComponents, sockets: readonly [WebSocket, WebSocket]) {
    this.#components = components
    this.#sockets = sockets
    const { clock, costly } = components
    this.#leftBytes = costly.circuitBytes
    this.#cancelLimit = clock.after(costly.circuitDurationMs, () => {
      this.#end()
    })
    const [near, far] = sockets
    this.#carry(near, far)
    this.#carry(far, near)
    for (const socket of sockets) socket.send(rendezvousWord.encode({ type: 'joined' }))
  }

  #carry(from: WebSocket, to: WebSocket): void {
    const { clock, refusals, costly } = this.#components
    const pipe = new Pipe(
      { clock },
      {
        from,
        to,
        slowReaderTimeoutMs: costly.slowReaderTimeoutMs,
        onFull: (reason) => {
          if (this.#over) return
          refusals.count(reason)
          this.#cut()
        },
      },
    )
    // Until now whatever it said was too early.
    from.removeAllListeners('message')
    from.on('message', (data: RawData, isBinary) => {
      if (this.#over) return
      // `nodebuffer`, the default, makes every message one Buffer.
      const bytes = data as Buffer
      if (!isBinary || bytes.byteLength === 0) {
        refusals.count('rendezvous-malformed')
        this.#cut()
        return
      }
      this.#leftBytes -= BigInt(bytes.byteLength)
      if (this.#leftBytes < 0n) this.#end()
      else pipe.push(bytes)
    })
    from.once('close', (code: number) => {
      pipe.end()
      if (this.#over) return
      // A broken connection breaks the other, so that libp2p does not take it for a polite end.
      if (code === ABNORMAL_CLOSURE) this.#cut()
      else this.#end()
    })
  }

  #end(): void {
    this.#finish((socket) => {
      socket.close(NORMAL_CLOSURE)
    })
  }

  #cut(): void {
    this.#finish((socket) => {
      socket.terminate()
    })
  }

  #finish(end: (socket: WebSocket) => void): void {
    this.#over = true
    this.#cancelLimit()
    for (const socket of this.#sockets) {
      // One that is not read from does not notice that the other side has gone.
      socket.resume()
      end(socket)
    }
  }
}
