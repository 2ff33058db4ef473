import { itemId } from '#lib/protocol/mailbox.ts'
import type { TestMailbox } from '../support/mailbox.ts'

/**
 * What a relay has said of an item: `maybe` there while a put or a removal has no answer, `kept` with a receipt,
 * `removed` once that was answered.
 */
type State = 'maybe' | 'kept' | 'removed'

/** What is wrong with a mailbox after a kill. */
export interface Fault {
  fault: 'lost' | 'came back' | 'damaged' | 'twice'
  id: string
}

/** All that one mailbox was told and has answered. */
export class Ledger {
  readonly mailbox: TestMailbox
  readonly #states = new Map<string, State>()
  /** Receipts and removals that were answered. */
  acknowledged = 0

  constructor(mailbox: TestMailbox) {
    this.mailbox = mailbox
  }

  /** @param write resolves with the answer */
  async put(item: Uint8Array, write: () => Promise<unknown>): Promise<void> {
    await this.#during([keyOf(itemId(item))], 'kept', write)
  }

  /** Removes what the relay has, by its list. */
  async removeAll(): Promise<void> {
    const entries = await everything(this.mailbox)
    for (let at = 0; at < entries.length; at += 64) {
      const some = entries.slice(at, at + 64)
      const numbers = some.map(({ number }) => number)
      await this.#during(
        some.map(({ id }) => keyOf(id)),
        'removed',
        () => this.mailbox.remove(numbers),
      )
    }
  }

  /** Looks at everything the relay has now; from then on that is what is known. */
  async check(): Promise<Fault[]> {
    const entries = await everything(this.mailbox)
    const faults: Fault[] = []
    const present = new Set<string>()
    for (const { id } of entries) {
      const key = keyOf(id)
      if (present.has(key)) faults.push({ fault: 'twice', id: key })
      if (this.#states.get(key) === 'removed') faults.push({ fault: 'came back', id: key })
      present.add(key)
    }
    for (const [id, state] of this.#states) {
      if (state === 'kept' && !present.has(id)) faults.push({ fault: 'lost', id })
    }
    const whole = new Set(await this.#readable(entries.map(({ number }) => number)))
    for (const id of present) if (!whole.has(id)) faults.push({ fault: 'damaged', id })
    for (const [id, state] of this.#states) {
      if (state === 'maybe') this.#states.set(id, present.has(id) ? 'kept' : 'removed')
    }
    return faults
  }

  /** Ids of the bytes that come, which are those of the items unless bytes are damaged. */
  async #readable(numbers: readonly number[]): Promise<string[]> {
    const ids: string[] = []
    let wanted = [...numbers]
    while (wanted.length > 0) {
      const items = await this.mailbox.fetch(wanted.slice(0, 64))
      if (items.length === 0) break
      ids.push(...items.map(([, bytes]) => keyOf(itemId(bytes))))
      const come = new Set(items.map(([number]) => number))
      wanted = wanted.filter((number) => !come.has(number))
    }
    return ids
  }

  /** Until it is answered nobody knows; where no answer comes, nobody ever does. */
  async #during(ids: readonly string[], after: State, ask: () => Promise<unknown>): Promise<void> {
    for (const id of ids) this.#states.set(id, 'maybe')
    await ask()
    for (const id of ids) this.#states.set(id, after)
    this.acknowledged += ids.length
  }
}

async function everything(mailbox: TestMailbox): Promise<{ number: number; id: Uint8Array }[]> {
  const entries: { number: number; id: Uint8Array }[] = []
  for (;;) {
    const page = await mailbox.list(entries.at(-1)?.number ?? 0)
    if (page.entries.length === 0) return entries
    entries.push(...page.entries)
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex')
}
