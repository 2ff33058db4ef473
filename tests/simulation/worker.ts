/** A process that simulates the seeds it is sent (crew.ts). */
import { prepare, type Bug } from './hooks.ts'
import type { Outcome } from './world.ts'

/** What a worker is sent: first of all the bug it works with, then seeds. */
export type Order = { type: 'prepare'; bug: Bug | null } | { type: 'run'; seed: number }

/** What it answers to each. */
export type Report = { type: 'ready' } | { type: 'done'; outcome: Outcome }

process.on('message', (order: Order) => {
  void obey(order).then((report) => process.send?.(report))
})

async function obey(order: Order): Promise<Report> {
  if (order.type === 'prepare') {
    prepare(order.bug)
    return { type: 'ready' }
  }
  const { World } = await import('./world.ts')
  return { type: 'done', outcome: await new World(order.seed, null).run() }
}
