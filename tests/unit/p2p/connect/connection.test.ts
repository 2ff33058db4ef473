import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Frame } from '#lib/protocol/connect/frames.ts'
import { ReceiveQueue } from '#lib/protocol/connect/queues.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { ConnectConnection } from '../../../../src/lib/p2p/connect/connection.ts'
import type { Carrier } from '../../../../src/lib/p2p/connect/http-carrier.ts'
import { UnreachableError } from '../../../../src/lib/p2p/errors.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

/** What becomes of one POST: it never arrives, its answer does not, it arrives after the next, or its answer is an old one. */
const FATES = ['well', 'lost', 'unanswered', 'late', 'answered with old news'] as const

/** A way up to a relay that does this to one POST after the other, and then nothing. */
class UnsureCarrier implements Carrier {
  readonly streams = true
  readonly came: Uint8Array[] = []
  readonly #fates: Array<(typeof FATES)[number]>
  readonly #queue = new ReceiveQueue()
  #late: readonly Frame[] = []
  #before = 0

  constructor(fates: readonly (typeof FATES)[number][]) {
    this.#fates = [...fates]
  }

  /** Nothing comes down until the connection is over. */
  async *down(_next: number, signal: AbortSignal): AsyncGenerator<Frame, void> {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve)
    })
    yield* []
  }

  up(frames: readonly Frame[]): Promise<number> {
    const fate = this.#fates.shift() ?? 'well'
    const before = this.#before
    if (fate === 'late') {
      this.#late = frames
    } else if (fate !== 'lost') {
      this.#take(frames)
      this.#take(this.#late)
      this.#late = []
    }
    this.#before = this.#queue.next
    if (fate === 'well') return Promise.resolve(this.#queue.next)
    if (fate === 'answered with old news') return Promise.resolve(before)
    return Promise.reject(new UnreachableError(fate))
  }

  /** As a relay does: what misses something before it is not taken. */
  #take(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.type !== 'data' && frame.type !== 'end') continue
      if (frame.number > this.#queue.next) break
      const data = this.#queue.take(frame)
      if (data !== null) this.came.push(data)
    }
  }
}

test('POSTs that are lost, late, doubled or answered with old news bring each byte once and in order', async () => {
  const fates = fc.array(fc.constantFrom(...FATES), { maxLength: 12 })
  const sizes = fc.integer({ min: 1, max: 400_000 })
  await fc.assert(
    fc.asyncProperty(fates, sizes, async (each, size) => {
      const clock = new ManualClock()
      const carrier = new UnsureCarrier(each)
      const life = new AbortController()
      const connection = new ConnectConnection(
        {
          clock,
          random: { ...systemRandom, fraction: () => 0.5 },
          log: defaultLogger().forComponent('test'),
        },
        {
          carrier,
          frames: carrier.down(0, life.signal),
          life,
          remoteAddr: multiaddr('/ip4/127.0.0.1/tcp/1'),
          requestMs: 0,
        },
      )
      const sent = seededRandom(size).bytes(size)
      connection.send(sent)
      const length = (): number => carrier.came.reduce((sum, { byteLength }) => sum + byteLength, 0)
      while (length() < size && connection.status === 'open') {
        await new Promise((resolve) => setImmediate(resolve))
        clock.advance(100)
      }
      expect(Buffer.concat(carrier.came).equals(sent)).toBe(true)
      connection.abort(new Error('enough'))
    }),
    { numRuns: 30 },
  )
})
