import { QuotaError } from './errors.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Refusals } from './refusals.ts'

export interface WebRtcHandshakesComponents {
  refusals: Refusals
  /** How many handshakes may begin, from everyone together. */
  handshakes: RateLimit
}

/**
 * Asked before each WebRTC-direct handshake, the only place where one can be refused before it costs anything.
 * @throws QuotaError
 */
export function webRtcConfiguration(components: WebRtcHandshakesComponents): RTCConfiguration {
  if (!components.handshakes.allow('everyone')) {
    components.refusals.count('webrtc-handshakes')
    throw new QuotaError('too many WebRTC handshakes')
  }
  // A relay knows its own address: it asks no STUN server.
  return { iceServers: [] }
}
