import { expect, test } from 'vitest'
import { race, type Runner } from '../../../../src/lib/p2p/ways/race.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

/** A runner that goes on until the test ends it. */
class Held implements Runner<string> {
  readonly headStartMs = 1_000
  signal: AbortSignal | null = null
  readonly #end = Promise.withResolvers<string>()

  run = (signal: AbortSignal): Promise<string> => {
    this.signal = signal
    signal.addEventListener('abort', () => {
      void this.fail(signal.reason)
    })
    return this.#end.promise
  }

  win(what: string): Promise<void> {
    this.#end.resolve(what)
    return settled()
  }

  fail(why: unknown): Promise<void> {
    this.#end.reject(why)
    return settled()
  }
}

function aRace(count: number, signal = new AbortController().signal) {
  const clock = new ManualClock()
  const runners = Array.from({ length: count }, () => new Held())
  const late: string[] = []
  const result = race(clock, runners, (value) => late.push(value), signal)
  result.catch(() => undefined)
  return { clock, runners: runners as [Held, Held, Held], late, result }
}

test('the next begins when the one before has failed, or had its time', async () => {
  const { clock, runners, result } = aRace(3)
  const [first, second, third] = runners
  expect([first, second, third].map(({ signal }) => signal !== null)).toEqual([true, false, false])
  await first.fail(new Error('refused'))
  expect(second.signal).not.toBeNull()
  clock.advance(999)
  expect(third.signal).toBeNull()
  clock.advance(1)
  expect(third.signal).not.toBeNull()
  await second.win('second')
  expect(await result).toBe('second')
  expect(third.signal?.aborted).toBe(true)
})

test('who comes through begins nothing more', async () => {
  const { clock, runners, result } = aRace(2)
  await runners[0].win('first')
  expect(await result).toBe('first')
  clock.advance(10_000)
  expect(runners[1].signal).toBeNull()
})

test('what comes through too late is given back', async () => {
  const clock = new ManualClock()
  const late: string[] = []
  const slow = Promise.withResolvers<string>()
  const result = race(
    clock,
    [
      { headStartMs: 1, run: () => slow.promise },
      { headStartMs: 1, run: () => Promise.resolve('fast') },
    ],
    (value) => late.push(value),
    new AbortController().signal,
  )
  clock.advance(1)
  expect(await result).toBe('fast')
  slow.resolve('slow')
  await settled()
  expect(late).toEqual(['slow'])
})

test('when none comes through, it says why of each', async () => {
  const one = aRace(1)
  const why = new Error('refused')
  await one.runners[0].fail(why)
  await expect(one.result).rejects.toBe(why)
  const two = aRace(2)
  await two.runners[0].fail(why)
  await two.runners[1].fail(new Error('cut'))
  await expect(two.result).rejects.toMatchObject({ errors: [why, { message: 'cut' }] })
  await expect(aRace(0).result).rejects.toBeInstanceOf(AggregateError)
})

test('whoever wants it no more ends all of it', async () => {
  const ending = new AbortController()
  const { clock, runners, result } = aRace(2, ending.signal)
  const why = new Error('enough')
  ending.abort(why)
  await expect(result).rejects.toBe(why)
  expect(runners[0].signal?.aborted).toBe(true)
  clock.advance(10_000)
  expect(runners[1].signal).toBeNull()
})
