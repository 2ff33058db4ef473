import { expect, test } from 'vitest'
import { libp2pLogger } from '../../../src/lib/p2p/libp2p-logger.ts'
import { LogRing, MAX_LINE_CHARS } from '../../../src/lib/p2p/log-ring.ts'

const clock = { now: () => 5 }
const PEER = '12D3KooWA7ir68NuhnTVjSGXymNP1fcHM2ibBW4UnSsyFTpKWmGp'

test('keeps the newest lines and no more than a quarter beyond its size', () => {
  const ring = new LogRing(clock, 100)
  const log = ring.loggers('keeper')
  for (let i = 0; i < 1_000; i += 1) log.info(`line ${i}`)
  const lines = ring.lines('debug')
  expect(lines.length).toBeLessThanOrEqual(125)
  expect(lines.at(-1)).toEqual({ atMs: 5, level: 'info', scope: 'keeper', text: 'line 999' })
})

test('shows the asked level and above', () => {
  const ring = new LogRing(clock)
  const log = ring.loggers('x')
  log.debug('d')
  log.warn('w')
  log.error('e', new TypeError('broken'))
  expect(ring.lines('warn').map(({ text }) => text)).toEqual(['w', 'e: TypeError: broken'])
})

test('says nothing that looks like a key, a card or a way into a call', () => {
  const ring = new LogRing(clock)
  const log = ring.loggers('x')
  log.info(`peer ${PEER} sent #/c/oWRuYW1lY0FkYQ and ${'ab'.repeat(32)}`)
  log.info('a=ice-pwd:secretsecret')
  const [first, second] = ring.lines('debug').map(({ text }) => text)
  expect(first).toBe(`peer ${PEER} sent #/c/… and …`)
  expect(second).not.toContain('secretsecret')
})

test('cuts long lines', () => {
  const ring = new LogRing(clock)
  ring.loggers('x').info('long '.repeat(1_000))
  expect(ring.lines('debug')[0]?.text.length).toBe(MAX_LINE_CHARS + 1)
})

test("libp2p's errors appear at debug without the objects in them", () => {
  const ring = new LogRing(clock)
  const log = libp2pLogger(ring.loggers).forComponent('libp2p:webrtc')
  log('commentary %s', 'dropped')
  log.trace('SDP %s', 'dropped')
  log.error('could not dial %s - %e %o', 'somebody', new RangeError('far'), { sdp: 'secret' })
  expect(ring.lines('debug')).toEqual([
    {
      atMs: 5,
      level: 'debug',
      scope: 'libp2p:webrtc',
      text: 'could not dial somebody - RangeError: far …',
    },
  ])
})
