import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PATIENCE_MS, SharedHostFinder } from '../../../src/lib/client/shared-host.ts'

/** A worker as a page sees it: a port it was connected by, and whether it could be loaded. */
class FakeSharedWorker extends EventTarget {
  static readonly all: FakeSharedWorker[] = []
  readonly port = new EventTarget()
  readonly name: string

  constructor(_url: string, { name }: { name: string }) {
    super()
    this.name = name
    FakeSharedWorker.all.push(this)
  }

  answer(): void {
    this.port.dispatchEvent(new MessageEvent('message', { data: 'here' }))
  }
}

beforeEach(() => {
  FakeSharedWorker.all.length = 0
  vi.stubGlobal('SharedWorker', FakeSharedWorker)
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a worker of this build is asked for, and kept once it has answered', () => {
  const finder = new SharedHostFinder('/node.js', 'b1')
  finder.open()
  const [worker] = FakeSharedWorker.all
  expect(worker!.name).toBe('starling-b1')
  worker!.answer()
  vi.advanceTimersByTime(10 * PATIENCE_MS)
  expect(finder.stale.aborted).toBe(false)
})

test('a worker that says nothing, as one that is just closing, is looked for anew', () => {
  const finder = new SharedHostFinder('/node.js', 'b1')
  finder.open()
  vi.advanceTimersByTime(PATIENCE_MS)
  expect(finder.stale.aborted).toBe(true)

  finder.open()
  expect(finder.stale.aborted).toBe(false)
  FakeSharedWorker.all[1]!.answer()
  vi.advanceTimersByTime(10 * PATIENCE_MS)
  expect(finder.stale.aborted).toBe(false)
})

test('a worker that could not be loaded is looked for anew at once', () => {
  const finder = new SharedHostFinder('/node.js', 'b1')
  finder.open()
  FakeSharedWorker.all[0]!.dispatchEvent(new Event('error'))
  expect(finder.stale.aborted).toBe(true)
})
