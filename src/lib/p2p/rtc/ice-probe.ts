import type { Clock } from '../../protocol/seams.ts'
import { NoAnswerError } from '../errors.ts'
import type { IceServer } from './ice-servers.ts'

/** A server that has not answered by then does not, in ms: three tries over UDP, or a slow TCP and TLS handshake. */
export const ICE_PROBE_MS = 6_000

/** As much of RTCPeerConnection as it takes to find a candidate. */
interface Gathering {
  onicecandidate: ((event: { candidate: { candidate: string } | null }) => void) | null
  createDataChannel(label: string): unknown
  createOffer(): Promise<{ type: 'offer'; sdp: string }>
  setLocalDescription(description: { type: 'offer'; sdp: string }): Promise<void>
  close(): void
}

/** The platform's, or what stands for it in a worker (`RtcBridge.install`). */
type Scope = Record<
  'RTCPeerConnection',
  new (config: { iceServers: IceServer[]; iceTransportPolicy: 'all' | 'relay' }) => Gathering
>

/**
 * Asks one STUN or TURN server for an address, by a connection that nobody is offered. Resolves with how long that took, in ms.
 *
 * A STUN server that tells a device the address it has anyway, because nothing translates it, seems not to answer: a browser
 * mentions no address twice.
 *
 * @throws NoAnswerError
 */
export async function probeIce(
  { clock }: { clock: Clock },
  server: IceServer,
  signal: AbortSignal,
): Promise<number> {
  const isTurn = server.urls.every((url) => url.startsWith('turn'))
  const wanted = isTurn ? ' typ relay' : ' typ srflx'
  const { RTCPeerConnection } = globalThis as unknown as Scope
  const connection = new RTCPeerConnection({
    iceServers: [server],
    iceTransportPolicy: isTurn ? 'relay' : 'all',
  })
  const found = Promise.withResolvers<number>()
  const fail = (): void => {
    found.reject(new NoAnswerError('no answer of a STUN or TURN server'))
  }
  const cancel = clock.after(ICE_PROBE_MS, fail)
  signal.addEventListener('abort', fail)
  const beganAtMs = clock.now()
  connection.onicecandidate = ({ candidate }) => {
    if (candidate === null) fail()
    else if (candidate.candidate.includes(wanted)) found.resolve(clock.now() - beganAtMs)
  }
  try {
    connection.createDataChannel('probe')
    const offer = await connection.createOffer()
    await connection.setLocalDescription({ type: 'offer', sdp: offer.sdp })
    return await found.promise
  } finally {
    cancel()
    signal.removeEventListener('abort', fail)
    found.promise.catch(() => undefined)
    connection.close()
  }
}
