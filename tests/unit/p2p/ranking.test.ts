import { expect, test } from 'vitest'
import { type Candidate, operatorOf, rank } from '../../../src/lib/p2p/relay-book/ranking.ts'

const relay = (host: string, more: Partial<Candidate> = {}): Candidate => ({
  host,
  source: 'learned',
  latencyMs: 50,
  preferred: false,
  load: null,
  failures: 0,
  ...more,
})

const hosts = (candidates: Candidate[], taken: string[] = []): string[] =>
  rank(candidates, taken).map(({ host }) => host)

test('what works comes before what fails, the own before the learned, the fast before the slow', () => {
  const own = relay('own.example', { source: 'origin', latencyMs: 900 })
  const failing = relay('down.example', { source: 'person', failures: 1 })
  const fast = relay('fast.example', { latencyMs: 5 })
  const unknown = relay('new.example', { latencyMs: null })
  expect(hosts([failing, unknown, fast, own])).toEqual([
    'own.example',
    'fast.example',
    'new.example',
    'down.example',
  ])
})

test('what the person prefers comes before the own, and a full one after a free one', () => {
  const own = relay('own.example', { source: 'origin' })
  const preferred = relay('mine.org', { preferred: true, latencyMs: 400 })
  const full = relay('full.net', { latencyMs: 40, load: 0.9 })
  const free = relay('free.net', { latencyMs: 60, load: 0.1 })
  expect(hosts([own, preferred])).toEqual(['mine.org', 'own.example'])
  expect(hosts([full, free])).toEqual(['free.net', 'full.net'])
})

test('one of each operator comes before a second of any', () => {
  const all = [relay('a.one.example'), relay('b.one.example'), relay('a.two.example')]
  expect(hosts([relay('a.one.net'), relay('b.one.net'), relay('a.two.net')])).toEqual([
    'a.one.net',
    'a.two.net',
    'b.one.net',
  ])
  expect(hosts(all, ['one.example'])[0]).toBe('a.two.example')
})

test('ports do not tell operators apart, addresses do', () => {
  expect(operatorOf('relay.example:8443')).toBe(operatorOf('other.relay.example'))
  expect(operatorOf('127.0.0.1:1')).toBe(operatorOf('127.0.0.1:2'))
  expect(operatorOf('10.0.0.1')).not.toBe(operatorOf('10.9.0.1'))
  expect(operatorOf('[::1]:8787')).toBe('[::1]')
})
