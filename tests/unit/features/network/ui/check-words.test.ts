import { expect, test } from 'vitest'
import type { Way, WayTried } from '#lib/features/network/api.ts'
import { reportOf, verdict } from '#lib/features/network/ui/check-words.ts'

function tried(way: Way, state: WayTried['state'], relay = 'relay.example'): WayTried {
  return { way, relay, state, latencyMs: state === 'works' ? 12 : null }
}

const good = [tried('websocket', 'works'), tried('http-binary', 'works')]

test('there is no verdict before all is tried', () => {
  expect(verdict([...good, tried('http-sse', 'trying')])).toBeNull()
  expect(verdict([...good, tried('http-sse', 'waiting')])).toBeNull()
})

test('the verdict says what is wrong, and what to do', () => {
  expect(verdict([])).toMatch(/^You have no relay\. Add one/)
  expect(verdict(good)).toMatch(/^Everything gets through/)
  expect(verdict([tried('websocket', 'fails'), tried('http-binary', 'fails')])).toMatch(
    /try another network, or add another relay/,
  )
  expect(verdict([tried('websocket', 'fails'), tried('http-longpoll', 'works')])).toMatch(
    /does not let WebSockets through/,
  )
  expect(verdict([tried('websocket', 'fails'), tried('webtransport', 'works')])).toMatch(
    /lets only UDP through .* by WebTransport/,
  )
  expect(verdict([tried('websocket', 'fails'), tried('webtransport', 'fails')])).toMatch(
    /^No relay answers in any way/,
  )
  expect(verdict([...good, tried('websocket', 'fails', 'other.example')])).toMatch(
    /Not answering: other\.example/,
  )
  expect(verdict([...good, tried('turn-udp', 'fails'), tried('turn-tcp', 'fails')])).toMatch(/TURN/)
  const noUdp = [tried('webtransport', 'fails'), tried('turn-udp', 'fails')]
  expect(verdict([...good, ...noUdp, tried('turn-tcp', 'works')])).toMatch(
    /What does not get through: WebTransport; TURN over UDP\./,
  )
  // A device whose address nothing translates gets no other one told.
  expect(verdict([...good, tried('stun', 'fails')])).toMatch(/^Everything gets through/)
})

test('the report has all of it, relay by relay', () => {
  expect(reportOf([...good, tried('websocket', 'fails', 'other.example')])).toBe(
    [
      verdict([...good, tried('websocket', 'fails', 'other.example')]),
      'relay.example',
      '  WebSocket: Works, 12 ms',
      '  HTTP, one long answer: Works, 12 ms',
      'other.example',
      '  WebSocket: Does not get through',
    ].join('\n'),
  )
})
