import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { rtcBridge } from '../../../src/lib/client/rtc-bridge.ts'

/** As much of RTCDataChannel as the bridge listens to. */
interface FakeChannel {
  label: string
  readyState: 'open'
  binaryType: string
  onclose: (() => void) | null
}

/** As much of RTCPeerConnection as the bridge needs before anything is negotiated. */
class FakePeerConnection {
  readonly sctp = null
  ondatachannel: ((event: { channel: FakeChannel }) => void) | null = null

  constructor() {
    made.push(this)
  }
}

let made: FakePeerConnection[] = []

beforeEach(() => {
  made = []
  vi.stubGlobal('RTCPeerConnection', FakePeerConnection)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

test('an init channel is told of to nobody, and let go of when it closes', () => {
  const gone = new AbortController()
  const told: unknown[] = []
  const receive = rtcBridge().serve((message) => told.push(message), gone.signal)
  receive({ type: 'create', pc: 1, config: {} })
  const channel: FakeChannel = { label: 'init', readyState: 'open', binaryType: '', onclose: null }

  made[0]!.ondatachannel!({ channel })

  expect(told).toEqual([])
  // Who listens for its end lets go of it then.
  expect(channel.onclose).toBeTypeOf('function')
  expect(channel.onclose).not.toThrow()
})
