import type { Connection } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { parseRelayAddress } from '../../../src/lib/p2p/addresses.ts'
import { CONNECT_TIMEOUT_MS } from '../../../src/lib/p2p/relay-book/relay-dialer.ts'
import {
  MAX_LOAD_PERCENT,
  MAX_SPARE_RETRY_MS,
  Spare,
  STEADY_MS,
} from '../../../src/lib/p2p/relay-book/spare.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { settled } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { silent } from './fake-network.ts'

class FakeConnection extends EventTarget {
  status = 'open'

  end(): void {
    this.status = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}

type Answer = 'opens' | 'fails' | 'hangs' | 'knows no other'

/** A device with a place at a relay. */
function device(answer: Answer = 'opens') {
  const clock = new ManualClock()
  const first = new FakeConnection()
  const state = { answer, loadPercent: 0 as number | null, open: [first], hasPlace: true, dials: 0 }
  const spare = new Spare({
    main: () => {
      if (!state.hasPlace) return null
      const [connection] = state.open as unknown as Connection[]
      const { loadPercent } = state
      return { address: parseRelayAddress('relay.example'), connection: connection!, loadPercent }
    },
    connectBeside: (_main, signal) => {
      state.dials += 1
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
      state.open.push(made)
      return Promise.resolve(made as unknown as Connection)
    },
    connectionsBeside: () =>
      state.open.filter(({ status }) => status === 'open') as unknown as Connection[],
    clock,
    random: systemRandom,
    log: silent,
  })
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  return { clock, spare, state, pass }
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
