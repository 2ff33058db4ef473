import type { Connection } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { parseRelayAddress } from '../../../src/lib/p2p/addresses.ts'
import { CONNECT_TIMEOUT_MS } from '../../../src/lib/p2p/relay-book/relay-dialer.ts'
import {
  MAX_LOAD_PERCENT,
  MAX_SPARE_RETRY_MS,
  OUT_OF_SIGHT_MS,
  Spare,
  STEADY_MS,
} from '../../../src/lib/p2p/relay-book/spare.ts'
import { PROVEN_MS } from '../../../src/lib/p2p/ways/way-finder.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { settled } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { silent } from './fake-network.ts'

class FakeConnection extends EventTarget {
  status = 'open'
  isBetter = false

  abort(): void {
    this.end()
  }

  end(): void {
    if (this.status === 'closed') return
    this.status = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}

type Answer = 'opens' | 'opens better' | 'fails' | 'hangs' | 'knows no other'

/** A device with a place at a relay. */
function device(answer: Answer = 'opens') {
  const clock = new ManualClock()
  const first = new FakeConnection()
  const browser = { offline: false, hidden: false }
  const state = {
    answer,
    loadPercent: 0 as number | null,
    open: [first],
    hasPlace: true,
    isMain: true,
    answersPings: true,
    dials: 0,
    wanted: [] as string[],
  }
  const address = parseRelayAddress('relay.example')
  const spare = new Spare({
    held: () => {
      if (!state.hasPlace) return null
      const [connection] = state.open.filter(({ status }) => status === 'open')
      const { loadPercent, isMain } = state
      return { address, connection: connection as unknown as Connection, loadPercent, isMain }
    },
    connectBeside: (_held, which, signal) => {
      if (which === 'better' && state.answer === 'opens') return Promise.resolve(null)
      state.dials += 1
      state.wanted.push(which)
      if (state.answer === 'fails') return Promise.reject(new Error('refused'))
      if (state.answer === 'knows no other') return Promise.resolve(null)
      if (state.answer === 'hangs') {
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error)
          })
        })
      }
      const made = new FakeConnection()
      made.isBetter = state.answer === 'opens better'
      state.open.push(made)
      return Promise.resolve(made as unknown as Connection)
    },
    isBetter: (_held, connection) => (connection as unknown as FakeConnection).isBetter,
    moveTo: ({ connection }, better) => {
      state.open = [better, connection] as unknown as FakeConnection[]
    },
    pinger: {
      ping: () => (state.answersPings ? Promise.resolve(1) : Promise.reject(new Error('silent'))),
    },
    browser,
    clock,
    random: systemRandom,
    log: silent,
  })
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  /** As long as it takes, a second at a time. */
  const passUntil = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await pass(1_000)
  }
  return { clock, spare, state, browser, first, pass, passUntil }
}

test('one is opened once the first has been steady, and no other while it is there', async () => {
  const { spare, state, pass } = device()
  spare.plan()
  await pass(STEADY_MS - 1)
  // Another relay gave a place.
  spare.plan()
  await pass(STEADY_MS - 1)
  expect(state.dials).toBe(0)
  await pass(1)
  expect(state.dials).toBe(1)
  spare.plan()
  await pass(2 * MAX_SPARE_RETRY_MS)
  expect(state.dials).toBe(1)
})

/** What is open, and in use first. */
const open = ({ state }: ReturnType<typeof device>): FakeConnection[] =>
  state.open.filter(({ status }) => status === 'open')

test('a better way is used once it has lasted, not sooner', async () => {
  const scene = device('opens better')
  const { spare, pass, first, state } = scene
  spare.plan()
  await pass(STEADY_MS)
  await pass(PROVEN_MS - 1)
  expect(open(scene)).toEqual([first, expect.anything()])
  const [, better] = open(scene)
  await pass(1)
  expect(open(scene)).toEqual([better, first])
  // The next one is another way again, which is no better.
  first.end()
  state.answer = 'opens'
  spare.plan()
  await pass(STEADY_MS)
  await pass(PROVEN_MS)
  await pass(MAX_SPARE_RETRY_MS)
  expect(open(scene)).toEqual([better, expect.anything()])
})

test('a better way that breaks or does not answer before it is used is not', async () => {
  const scene = device('opens better')
  const { spare, state, pass, passUntil, first } = scene
  spare.plan()
  await pass(STEADY_MS)
  open(scene)[1]?.end()
  await pass(PROVEN_MS)
  expect(open(scene)).toEqual([first])
  state.answersPings = false
  await passUntil(() => state.dials === 2)
  await pass(PROVEN_MS)
  expect(open(scene)).toEqual([first])
  state.answersPings = true
  await passUntil(() => state.dials === 3)
  await pass(PROVEN_MS)
  expect(open(scene)[1]).toBe(first)
})

test('a way in reserve that turns out better is used, too', async () => {
  const scene = device()
  const { spare, pass, first } = scene
  spare.plan()
  await pass(STEADY_MS)
  await pass(PROVEN_MS)
  const [, second] = open(scene)
  second!.isBetter = true
  await pass(STEADY_MS)
  expect(open(scene)).toEqual([second, first])
})

test('to relays that matter less, and those that are half full, none but a better way is opened', async () => {
  for (const less of [{ isMain: false }, { loadPercent: MAX_LOAD_PERCENT + 1 }]) {
    const scene = device('opens better')
    const { spare, pass, first, state } = scene
    Object.assign(state, less)
    spare.plan()
    await pass(STEADY_MS)
    expect(state.wanted).toEqual(['better'])
    await pass(PROVEN_MS)
    expect(open(scene)[1]).toBe(first)
  }
})

test('a way to a relay that matters less is let go where it turns out no better', async () => {
  const scene = device('opens better')
  const { spare, pass, first, state } = scene
  state.isMain = false
  spare.plan()
  await pass(STEADY_MS)
  open(scene)[1]!.isBetter = false
  await pass(PROVEN_MS)
  expect(open(scene)).toEqual([first])
})

test('while no page is in sight there is none, and none is dialled', async () => {
  const scene = device()
  const { clock, spare, browser, pass, first, state } = scene
  spare.plan()
  await pass(STEADY_MS)
  expect(open(scene)).toHaveLength(2)
  browser.hidden = true
  spare.hide()
  await pass(OUT_OF_SIGHT_MS - 1)
  expect(open(scene)).toHaveLength(2)
  await pass(1)
  expect(open(scene)).toEqual([first])
  expect(clock.pending).toBe(0)
  // A place is given anew meanwhile.
  spare.plan()
  await pass(MAX_SPARE_RETRY_MS)
  expect(state.dials).toBe(1)
  browser.hidden = false
  spare.wake()
  await pass(STEADY_MS)
  expect(open(scene)).toHaveLength(2)
})

test('who looks away for a moment keeps what is in reserve', async () => {
  const scene = device()
  const { spare, browser, pass, state } = scene
  spare.plan()
  await pass(STEADY_MS)
  for (let times = 0; times < 3; times += 1) {
    browser.hidden = true
    spare.hide()
    await pass(OUT_OF_SIGHT_MS - 1)
    browser.hidden = false
    spare.wake()
    await pass(OUT_OF_SIGHT_MS)
  }
  expect(open(scene)).toHaveLength(2)
  expect(state.dials).toBe(1)
})

test('a dial under way ends when no page is in sight', async () => {
  const { spare, browser, pass, state, clock } = device('hangs')
  spare.plan()
  await pass(STEADY_MS)
  browser.hidden = true
  spare.hide()
  await pass(OUT_OF_SIGHT_MS)
  expect(state.dials).toBe(1)
  browser.hidden = false
  state.answer = 'opens'
  spare.wake()
  await pass(STEADY_MS)
  expect(state.dials).toBe(2)
  spare.stop()
  expect(clock.pending).toBe(0)
})

test('on another network what failed often is tried soon, however often that is said', async () => {
  const { spare, state, pass } = device('fails')
  spare.plan()
  for (let hours = 0; hours < 8; hours += 1) await pass(STEADY_MS + MAX_SPARE_RETRY_MS)
  const before = state.dials
  // It would be tried within the hour.
  for (let seconds = 0; seconds < 2 * STEADY_MS; seconds += 1_000) {
    spare.wake()
    await pass(1_000)
  }
  expect(state.dials).toBeGreaterThan(before)
  expect(state.dials).toBeLessThanOrEqual(before + 2)
})

test('one that has come into use is followed by another', async () => {
  const { spare, state, pass } = device()
  spare.plan()
  await pass(STEADY_MS)
  state.open.shift()?.end()
  spare.plan()
  await pass(STEADY_MS)
  expect(state.dials).toBe(2)
})

test('what ends, fails, hangs or is not to be had is tried again, the later the more often', async () => {
  for (const answer of ['opens', 'fails', 'hangs', 'knows no other'] as const) {
    const { spare, state, pass, clock } = device(answer)
    spare.plan()
    for (let hours = 0; hours < 12; hours += 1) {
      await pass(STEADY_MS + MAX_SPARE_RETRY_MS)
      await pass(CONNECT_TIMEOUT_MS)
      if (state.open.length > 1) state.open.pop()?.end()
    }
    expect(state.dials).toBeGreaterThanOrEqual(10)
    expect(state.dials).toBeLessThanOrEqual(12)
    spare.stop()
    expect(clock.pending).toBe(0)
  }
})

test('a relay that is half full, does not say or gave no place is not asked until that changes', async () => {
  const { spare, state, pass } = device()
  state.loadPercent = MAX_LOAD_PERCENT + 1
  spare.plan()
  await pass(STEADY_MS)
  state.loadPercent = null
  await pass(STEADY_MS + MAX_SPARE_RETRY_MS)
  Object.assign(state, { loadPercent: MAX_LOAD_PERCENT, hasPlace: false })
  await pass(STEADY_MS + MAX_SPARE_RETRY_MS)
  expect(state.dials).toBe(0)
  state.hasPlace = true
  await pass(STEADY_MS + MAX_SPARE_RETRY_MS)
  expect(state.dials).toBe(1)
})

test('once stopped nothing is opened, and what was being dialled ends', async () => {
  const { spare, state, pass, clock } = device('hangs')
  spare.plan()
  await pass(STEADY_MS)
  spare.stop()
  await settled()
  expect(clock.pending).toBe(0)
  spare.plan()
  spare.stop()
  await pass(MAX_SPARE_RETRY_MS)
  expect(state.dials).toBe(1)
})
