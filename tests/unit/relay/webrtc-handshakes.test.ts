import { expect, test } from 'vitest'
import { QuotaError } from '#relay/errors.ts'
import { MAX_WEBRTC_HANDSHAKES_PER_MINUTE } from '#relay/limits.ts'
import { RateLimit } from '#relay/rate-limit.ts'
import { webRtcConfiguration } from '#relay/webrtc-handshakes.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

test('as many WebRTC handshakes begin in a minute as allowed, and no more', () => {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const handshakes = new RateLimit(
    { clock },
    { max: MAX_WEBRTC_HANDSHAKES_PER_MINUTE, windowMs: 60_000 },
  )
  const begin = (): RTCConfiguration => webRtcConfiguration({ refusals, handshakes })
  for (let n = 0; n < MAX_WEBRTC_HANDSHAKES_PER_MINUTE; n += 1) begin()
  expect(refusals.counted).toEqual([])
  expect(begin).toThrow(QuotaError)
  expect(refusals.counted).toEqual(['webrtc-handshakes'])
  clock.advance(60_000)
  expect(begin()).toEqual({ iceServers: [] })
})
