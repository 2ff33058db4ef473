import { expect, test } from 'vitest'
import type { Link } from '../../../src/lib/p2p/keeper/links.ts'
import { LITTLE_BYTES, Silence, SILENCE_MS } from '../../../src/lib/p2p/keeper/silence.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, FakeSide, LARGER, SMALLER } from './fake-network.ts'

function scene(path: 'direct' | 'relayed' = 'direct') {
  const clock = new ManualClock()
  const small = new FakeSide(SMALLER, clock)
  const connection = connect(small, new FakeSide(LARGER, clock), path)
  /** Of the one connection there is. */
  const traffic = { bytesIn: 7, bytesOut: 0 }
  const doubted: Link[] = []
  const silence = new Silence({
    links: small.links,
    traffic: { of: () => ({ ...traffic }) },
    clock,
    doubt: (link) => doubted.push(link),
  })
  const [link] = small.links.all()
  return { clock, connection, traffic, doubted, silence, link: link! }
}

test('a direct connection that brings nothing after something was sent is doubted', () => {
  const { clock, doubted, silence, link } = scene()
  silence.sent(link)
  clock.advance(SILENCE_MS - 1)
  expect(doubted).toEqual([])
  // More that is sent meanwhile puts nothing off.
  silence.sent(link)
  clock.advance(1)
  expect(doubted).toEqual([link])
  silence.sent(link)
  clock.advance(SILENCE_MS)
  expect(doubted).toEqual([link, link])
})

test('whoever is heard is not doubted', () => {
  const { clock, traffic, doubted, silence, link } = scene()
  silence.sent(link)
  traffic.bytesIn += 1
  clock.advance(SILENCE_MS)
  expect(doubted).toEqual([])
})

test('what is sent after the peer was heard is waited for anew', () => {
  const { clock, traffic, doubted, silence, link } = scene()
  silence.sent(link)
  clock.advance(SILENCE_MS / 2)
  traffic.bytesIn += 1
  silence.sent(link)
  clock.advance(SILENCE_MS - 1)
  expect(doubted).toEqual([])
  clock.advance(1)
  expect(doubted).toEqual([link])
})

test('much may be under way for longer than a little', () => {
  const { clock, traffic, doubted, silence, link } = scene()
  silence.sent(link)
  traffic.bytesOut += LITTLE_BYTES + 1
  clock.advance(SILENCE_MS)
  expect(doubted).toEqual([])
  silence.sent(link)
  traffic.bytesOut += LITTLE_BYTES
  clock.advance(SILENCE_MS)
  expect(doubted).toEqual([link])
})

test('a lane is not watched', () => {
  const { clock, silence, link } = scene()
  silence.sent({ ...link, aside: true })
  expect(clock.pending).toBe(0)
})

test('what goes through a relay is not watched, and nothing is left of what has ended', () => {
  const relayed = scene('relayed')
  relayed.silence.sent(relayed.link)
  expect(relayed.clock.pending).toBe(0)
  const direct = scene()
  direct.silence.sent(direct.link)
  expect(direct.clock.pending).toBe(1)
  direct.connection.abort(new Error('gone'))
  expect(direct.clock.pending).toBe(0)
})
