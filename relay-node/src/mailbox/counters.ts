import { Counter, type Registry } from 'prom-client'
import type { PushOutcome } from './push.ts'

/** What mailboxes did, for `/metrics`; of all together, nothing of one. */
export function mailboxCounters(registry: Registry): {
  onPut: () => void
  onPush: (outcome: PushOutcome) => void
} {
  const puts = new Counter({
    name: 'starling_relay_mailbox_puts_total',
    help: 'Items put into mailboxes that are durable',
    registers: [registry],
  })
  const pushes = new Counter({
    name: 'starling_relay_wake_ups_total',
    help: 'Wake-ups by how they ended',
    labelNames: ['outcome'],
    registers: [registry],
  })
  for (const outcome of ['sent', 'gone', 'failed'] satisfies PushOutcome[]) {
    pushes.inc({ outcome }, 0)
  }
  return {
    onPut: () => {
      puts.inc()
    },
    onPush: (outcome) => {
      pushes.inc({ outcome })
    },
  }
}
