import { setImmediate } from 'node:timers/promises'
import type { Connection, StreamHandler, Transport, Upgrader } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { streamPair } from '@libp2p/utils'
import type { WebRTCTransportComponents } from '@libp2p/webrtc'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { createSecrets, openIdentity } from '../../../../src/lib/crypto/identity.ts'
import { guardedWebRTC } from '../../../../src/lib/p2p/rtc/guarded-web-rtc.ts'
import { systemRandom } from '../../../../src/lib/protocol/seams.ts'

/** Nobody is reached: there is no TURN. */
const NOWHERE = { iceServers: [], iceTransportPolicy: 'relay' }

/** A transport on its own. @param toOther what its signalling goes over when it dials */
async function side(toOther: () => Promise<unknown>) {
  const { peer } = await openIdentity(createSecrets(systemRandom))
  const life = new AbortController()
  const over = Promise.withResolvers<undefined>()
  let [serve, upgraded]: [StreamHandler | null, number] = [null, 0]
  const upgrader = {
    createInboundAbortSignal: () =>
      Object.assign(life.signal, {
        clear: () => {
          over.resolve(undefined)
        },
      }),
    upgradeInbound: () => {
      upgraded += 1
      return Promise.resolve()
    },
  } as Partial<Upgrader>
  const components = {
    logger: defaultLogger(),
    upgrader,
    connectionManager: { getConnections: () => [{ newStream: toOther }] },
    registrar: {
      handle: (_protocol: string, handler: StreamHandler) => {
        serve = handler
        return Promise.resolve()
      },
    },
  } as unknown as WebRTCTransportComponents
  const transport = guardedWebRTC(
    () => true,
    () => Promise.resolve(NOWHERE),
  )(components) as Transport & { start(): Promise<void> }
  await transport.start()
  const address = multiaddr(`/memory/relay/p2p-circuit/p2p/${peer}`)
  return {
    transport,
    address,
    serve: (stream: Parameters<StreamHandler>[0]) =>
      serve!(stream, { remoteAddr: address } as Connection),
    life,
    over: over.promise,
    upgraded: () => upgraded,
  }
}

test('signalling that ends before anything is connected leaves no connection that is none', async () => {
  const [near, far] = await streamPair()
  const anna = await side(() => Promise.resolve(near))
  const boris = await side(() => Promise.reject(new Error('dials nobody')))
  const ended = Promise.withResolvers<undefined>()
  const { close } = far
  far.close = (options) => {
    ended.resolve(undefined)
    return close.call(far, options)
  }
  void boris.serve(far)
  const dialled = anna.transport.dial(boris.address.encapsulate('/webrtc'), {
    upgrader: {} as Upgrader,
    signal: anna.life.signal,
    onProgress: ({ type }) => {
      // Offer and answer were exchanged.
      if ((type as string) === 'webrtc:read-ice-candidates') near.abort(new Error('the relay went'))
    },
  })

  await ended.promise
  await setImmediate()
  expect(boris.upgraded()).toBe(0)
  boris.life.abort()
  await boris.over
  expect(boris.upgraded()).toBe(0)

  anna.life.abort()
  await expect(dialled).rejects.toThrow()
})
