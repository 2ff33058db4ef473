/**
 * Gives hostile inputs to everything that reads what others give (targets.ts): docs/ARCHITECTURE.md says how.
 *
 *     npm run fuzz -- [--inputs N] [--only NAME] [--seed S] [--from K] [--workers N]
 *
 * Each input must be taken, or refused with a StarlingError, within 100 ms and a bounded heap. The same seed makes the
 * same inputs. Ends with 1 at the first target that fails, after the others have had theirs.
 */
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { allTargets } from './targets.ts'
import type { Failure, Order, Report, Setting } from './worker.ts'

/** An input that takes longer is a hang, ms: long enough for a process that runs only when no other wants to. */
const PATIENCE_MS = 60_000

/** Heap of a worker, MB: a thread that needs more is ended, which fails its target. */
const HEAP_MB = 128

/** All memory of the process beside what it had before, MB: four threads, and as much in buffers outside of their heaps. */
const MEMORY_MB = 1_024

/** Of the inputs, one in so many meets real public-key cryptography besides. */
const REAL_ONE_OF = 200

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    workers: { type: 'string', default: '2' },
  },
})
const [inputs, seed, from, workers] = [values.inputs, values.seed, values.from, values.workers].map(
  Number,
) as [number, number, number, number]
if (![inputs, seed, from, workers].every(Number.isSafeInteger) || inputs < 1 || workers < 1) {
  console.error('--inputs, --seed, --from and --workers take numbers')
  process.exit(2)
}

interface Task extends Order {
  real: boolean
}

const targets = await allTargets()
const chosen = targets.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) {
  console.error(
    `There is no such target. There are: ${targets.map(({ name }) => name).join(', ')}.`,
  )
  process.exit(2)
}

/** Without the handful of targets that are slow, all of them get as many. */
const tasks: Task[] = chosen.flatMap((target) => {
  const count = Math.max(1, Math.ceil(inputs / (target.oneOf ?? 1)))
  const quick: Task = { target: target.name, from, to: from + count, real: false }
  const real: Task = { ...quick, to: from + Math.ceil(count / REAL_ONE_OF), real: true }
  return target.keys === true ? [quick, real] : [quick]
})

/** One thread for the tasks of one kind, with a watch on it. */
class Thread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #progress: BigInt64Array

  private constructor(worker: Worker, progress: BigInt64Array) {
    this.#worker = worker
    this.#progress = progress
  }

  static async of(real: boolean): Promise<Thread> {
    const progress = new SharedArrayBuffer(8)
    const workerData: Setting = { seed, real, progress }
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    const thread = new Thread(worker, new BigInt64Array(progress))
    await thread.#next()
    return thread
  }

  run(order: Order): Promise<Report> {
    this.#worker.postMessage(order)
    return this.#next()
  }

  get input(): number {
    return Number(Atomics.load(this.#progress, 0))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }

  async #next(): Promise<Report> {
    const over = new AbortController()
    const { signal } = over
    try {
      const said = once(this.#worker, 'message', { signal }) as Promise<[Report]>
      const ended = once(this.#worker, 'exit', { signal }).then(([code]) => {
        throw new Error(`the thread ended with ${code}`)
      })
      const [report] = await Promise.race([said, ended, this.#hang(signal)])
      return report
    } finally {
      over.abort()
    }
  }

  /** Rejects when one input takes too long. */
  async #hang(signal: AbortSignal): Promise<never> {
    let before = -1
    for (;;) {
      await setTimeout(PATIENCE_MS, undefined, { signal })
      if (this.input === before) throw new Error(`no end after ${PATIENCE_MS / 1000} s`)
      before = this.input
    }
  }
}

let failed = 0
let total = 0

async function work(): Promise<void> {
  const threads = new Map<boolean, Thread>()
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
    const { real, ...order } = task
    const thread = threads.get(real) ?? (await Thread.of(real))
    threads.set(real, thread)
    const startedMs = performance.now()
    try {
      const { taken, failure } = await thread.run(order)
      tell(task, taken, performance.now() - startedMs, failure)
    } catch (error) {
      // It hangs or is dead: the next gets another.
      threads.delete(real)
      tell(task, 0, performance.now() - startedMs, {
        input: thread.input,
        shown: 'see the input by replaying it',
        error: String(error),
      })
      await thread[Symbol.asyncDispose]()
    }
  }
  for (const thread of threads.values()) await thread[Symbol.asyncDispose]()
}

function tell(
  { target, from: first, to, real }: Task,
  taken: number,
  elapsedMs: number,
  failure: Failure | null,
): void {
  const count = to - first
  const rate = Math.round((count / elapsedMs) * 1000)
  const title = real ? `${target}, real keys` : target
  if (failure === null) {
    total += count
    console.log(`✔ ${title}: ${count} inputs, ${taken} taken, ${rate} a second`)
    return
  }
  failed += 1
  console.log(
    `✘ ${title}: input ${failure.input} of seed ${seed}\n  ${failure.error}\n  ${failure.shown}`,
  )
  console.log(
    `  npm run fuzz -- --only '${target}' --seed ${seed} --from ${failure.input} --inputs 1`,
  )
}

const before = process.resourceUsage().maxRSS
await Promise.all(Array.from({ length: workers }, work))
const grownMb = Math.round((process.resourceUsage().maxRSS - before) / 1024)
console.log(`${total} inputs, ${failed} targets failed, ${grownMb} MB more memory at most`)
if (grownMb > MEMORY_MB) console.log(`✘ more than ${MEMORY_MB} MB`)
if (failed > 0 || grownMb > MEMORY_MB) process.exitCode = 1
