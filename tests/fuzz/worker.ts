/** A thread that gives inputs to targets, one target after another (main.ts). */
import { inspect } from 'node:util'
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { StarlingError } from '#lib/protocol/errors.ts'
import { prepare } from '../simulation/hooks.ts'
import { Dice } from './dice.ts'
import type { Target } from './target.ts'

export interface Setting {
  seed: number
  /** Public-key cryptography as it is, or stand-ins for it (tests/simulation/quick). */
  real: boolean
  /** Where the number of the input under way stands: one 64-bit integer. */
  progress: SharedArrayBuffer
}

/** Inputs `from` to `to` − 1 of the target of this name. */
export interface Order {
  target: string
  from: number
  to: number
}

export interface Failure {
  input: number
  shown: string
  error: string
}

export interface Report {
  target: string
  /** Inputs that were taken for good. */
  taken: number
  failure: Failure | null
}

const MAX_SHOWN_CHARS = 4_000

/** Longest that one input may take, ms (promises: numbers). */
const MAX_INPUT_MS = 100

/** Who was only kept waiting by other programs or by a collection of garbage is quick at one of these. */
const TRIES = 3

const { seed, real, progress } = workerData as Setting
if (!real) prepare(null)
const { allTargets } = await import('./targets.ts')
const targets = new Map((await allTargets()).map((target) => [target.name, target]))
const under = new BigInt64Array(progress)
// Most inputs end in an error: their stacks would take most of the time.
Error.stackTraceLimit = 0

parentPort!.on('message', (order: Order) => {
  void run(order).then((report) => {
    parentPort!.postMessage(report)
  })
})
parentPort!.postMessage('ready')

/** Inputs between two turns of the event loop. */
const TURN = 1_000

async function run({ target: name, from, to }: Order): Promise<Report> {
  const { make, take } = targets.get(name)!
  let taken = 0
  for (let number = from; number < to; number += 1) {
    Atomics.store(under, 0, BigInt(number))
    // What waits for a turn of the loop, such as what finalizers do, would pile up.
    if (number % TURN === 0) await setImmediate()
    const made = make(new Dice(seed, name, number))
    const input = made instanceof Promise ? ((await made) as unknown) : made
    const startedMs = performance.now()
    try {
      const result = take(input as never)
      if (result instanceof Promise) await result
      taken += 1
    } catch (error) {
      if (!(error instanceof StarlingError)) return failed(inspect(error))
    }
    if (performance.now() - startedMs > MAX_INPUT_MS) {
      const quickestMs = await quickest(targets.get(name)!, number)
      if (quickestMs > MAX_INPUT_MS) return failed(`takes ${Math.round(quickestMs)} ms`)
    }

    function failed(error: string): Report {
      return { target: name, taken, failure: { input: number, shown: shown(input), error } }
    }
  }
  return { target: name, taken, failure: null }
}

/** The least that this input takes of this thread, ms. */
async function quickest({ name, make, take }: Target, number: number): Promise<number> {
  let leastMs = Infinity
  for (let tries = 0; tries < TRIES; tries += 1) {
    const input = await make(new Dice(seed, name, number))
    const before = process.threadCpuUsage()
    try {
      await take(input as never)
    } catch (error) {
      if (!(error instanceof StarlingError)) throw error
    }
    const { user, system } = process.threadCpuUsage(before)
    leastMs = Math.min(leastMs, (user + system) / 1_000)
  }
  return leastMs
}

function shown(input: unknown): string {
  const text = inspect(input, { depth: 20, maxArrayLength: 200 })
  const bytes = input instanceof Uint8Array ? Buffer.from(input).toString('hex') : text
  return bytes.slice(0, MAX_SHOWN_CHARS)
}
