import { afterEach, expect, test, vi } from 'vitest'
import { lockReleased } from '../../../src/lib/rpc/life-lock.ts'
import { becomeOnlyHost, SUCCESSION_TIMEOUT_MS } from '../../../src/workers/only-host.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { eventually } from '../../fixtures/eventually.ts'

/** A host that wants to be the only one, on the platform's own Web Locks and BroadcastChannel. */
class Candidate {
  readonly clock = new ManualClock()
  readonly replaced = vi.fn()
  readonly place: Promise<void>
  readonly #ended = new AbortController()

  constructor(id: string) {
    this.place = becomeOnlyHost(
      { locks: navigator.locks, clock: this.clock },
      id,
      this.replaced,
      this.#ended.signal,
    )
    candidates.push(this)
  }

  /** It has stopped, and lets go of what it holds. */
  end(): void {
    this.#ended.abort()
  }
}

const candidates: Candidate[] = []

afterEach(async () => {
  for (const each of candidates.splice(0)) {
    each.end()
    await each.place.catch(() => undefined)
  }
  await lockReleased(navigator.locks, 'starling-host', new AbortController().signal)
})

/** Whether the host has its place now. */
async function hasPlace(candidate: Candidate): Promise<boolean> {
  const { held = [], pending = [] } = await navigator.locks.query()
  expect([...held, ...pending].filter(({ name }) => name === 'starling-host')).not.toHaveLength(0)
  return Promise.race([
    candidate.place.then(() => true),
    new Promise<false>((resolve) => {
      setImmediate(resolve, false)
    }),
  ])
}

test('the first host has the place at once, and is not replaced by its own announcement', async () => {
  const heard = Promise.withResolvers<unknown>()
  const listener = new BroadcastChannel('starling-succession')
  listener.onmessage = ({ data }: MessageEvent<unknown>) => {
    heard.resolve(data)
  }
  const first = new Candidate('first')
  await first.place
  expect(await heard.promise).toBe('first')
  listener.close()
  expect(first.replaced).not.toHaveBeenCalled()
  expect(first.clock.pending).toBe(0)
})

test('a host that starts later is heard by the one before, and waits until that has stopped', async () => {
  const first = new Candidate('first')
  await first.place
  const second = new Candidate('second')
  await eventually(() => {
    expect(first.replaced).toHaveBeenCalled()
  })
  expect(await hasPlace(second)).toBe(false)
  first.end()
  await second.place
  expect(second.replaced).not.toHaveBeenCalled()
})

test('a host that does not let go in time is cut off, and told', async () => {
  const first = new Candidate('first')
  await first.place
  const second = new Candidate('second')
  await eventually(() => {
    expect(first.replaced).toHaveBeenCalledTimes(1)
  })
  second.clock.advance(SUCCESSION_TIMEOUT_MS - 1)
  expect(await hasPlace(second)).toBe(false)
  second.clock.advance(1)
  await second.place
  await eventually(() => {
    expect(first.replaced).toHaveBeenCalledTimes(2)
  })
  expect(second.replaced).not.toHaveBeenCalled()
})

test('of three, the last has the place', async () => {
  const first = new Candidate('first')
  await first.place
  const second = new Candidate('second')
  second.replaced.mockImplementation(() => {
    second.end()
  })
  const gaveUp = expect(second.place).rejects.toThrow()
  const third = new Candidate('third')
  await gaveUp
  first.end()
  await third.place
  expect(third.replaced).not.toHaveBeenCalled()
})

test('a host that ends while it waits takes no place, and leaves no timer', async () => {
  const first = new Candidate('first')
  await first.place
  const second = new Candidate('second')
  second.end()
  await expect(second.place).rejects.toThrow()
  expect(second.clock.pending).toBe(0)
  expect(await hasPlace(first)).toBe(true)
})
