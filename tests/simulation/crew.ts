import { fork, type ChildProcess } from 'node:child_process'
import type { Bug } from './hooks.ts'
import type { Order, Report } from './worker.ts'
import type { Outcome } from './world.ts'

/** Processes that simulate seeds side by side. */
export class Crew implements AsyncDisposable {
  readonly #workers: ChildProcess[]

  private constructor(workers: ChildProcess[]) {
    this.#workers = workers
  }

  static async of(size: number, bug: Bug | null): Promise<Crew> {
    const workers = Array.from({ length: size }, () => fork(new URL('worker.ts', import.meta.url)))
    await Promise.all(workers.map((worker) => order(worker, { type: 'prepare', bug })))
    return new Crew(workers)
  }

  /** Runs these seeds, each once; stops after the first outcome for which `enough` holds. */
  async run(
    seeds: Iterable<number>,
    enough: (outcome: Outcome) => boolean | Promise<boolean>,
  ): Promise<void> {
    const rest = seeds[Symbol.iterator]()
    let stopped = false
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (let next = rest.next(); !stopped && next.done !== true; next = rest.next()) {
          const report = await order(worker, { type: 'run', seed: next.value })
          if (report.type === 'done' && (await enough(report.outcome))) stopped = true
        }
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#workers.map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => {
              resolve()
            })
            worker.kill()
          }),
      ),
    )
  }
}

function order(worker: ChildProcess, what: Order): Promise<Report> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      reject(new Error(`a worker ended with ${code}`))
    }
    worker.once('exit', onExit)
    worker.once('message', (report) => {
      worker.off('exit', onExit)
      resolve(report as Report)
    })
    worker.send(what)
  })
}
