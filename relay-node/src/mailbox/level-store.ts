import type { BatchOperation, ClassicLevel } from 'classic-level'
import * as v from 'valibot'
import { codec } from '#lib/protocol/codec.ts'
import { bytesSchema } from '#lib/protocol/schemas.ts'
import { Turns } from '#lib/protocol/turns.ts'
import { MailboxFullError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import type { Entry, MailboxId, MailboxStore, NewItem, Quotas } from './store.ts'

type Level = ClassicLevel<string, Uint8Array>
type Operation = BatchOperation<Level, string, Uint8Array>

const EMPTY = new Uint8Array()

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** What is kept beside an item's bytes: id, pass of the sender, length, stored at, expires at. */
const entryCodec = codec(
  v.strictTuple([bytesSchema(32, 32), v.string(), countSchema, countSchema, countSchema]),
  256,
)

/** What a mailbox holds: highest number, items, bytes by sender. */
const boxCodec = codec(
  v.strictObject({
    last: countSchema,
    items: countSchema,
    senders: v.record(v.string(), countSchema),
  }),
  1_024 * 1_024,
)

type Box = v.InferOutput<
  v.GenericSchema<unknown, { last: number; items: number; senders: Record<string, number> }>
>

/**
 * Mailboxes in a LevelDB. Keys, where `box` is hex and numbers have 16 digits, so that they stand in order:
 *
 *     box!<box>              what it holds
 *     entry!<box>!<number>   an item without its bytes
 *     item!<box>!<number>    its bytes
 *     id!<box>!<id>          its number
 *     end!<expiry>!<box>!<number>
 */
export class LevelMailboxStore implements MailboxStore {
  readonly #level: Level
  readonly #quotas: Quotas
  readonly #turns = new Turns<string>()
  readonly #commits: GroupCommit<Operation>
  readonly usage = { items: 0, bytes: 0 }

  private constructor(level: Level, quotas: Quotas) {
    this.#level = level
    this.#quotas = quotas
    this.#commits = new GroupCommit((operations) => level.batch(operations, { sync: true }))
  }

  /** @param level open, keys as text and values as bytes; closed with the store */
  static async open(level: Level, quotas: Quotas): Promise<LevelMailboxStore> {
    const store = new LevelMailboxStore(level, quotas)
    for await (const value of level.values({ gte: 'box!', lt: 'box"' })) {
      const { items, senders } = boxCodec.decode(value)
      store.usage.items += items
      store.usage.bytes += sum(senders)
    }
    return store
  }

  put({ mailbox, sender, id, bytes, storedAtMs, expiresAtMs }: NewItem): Promise<Entry> {
    const box = hex(mailbox)
    return this.#turns.run(box, async () => {
      const known = await this.#level.get(`id!${box}!${hex(id)}`)
      if (known !== undefined) {
        const number = Number(Buffer.from(known).toString())
        return entryOf(number, (await this.#level.get(`entry!${box}!${digits(number)}`))!)
      }
      const before = await this.#box(box)
      const { byteLength } = bytes
      this.#requireRoom(before, sender, byteLength)
      const number = before.last + 1
      const place = `${box}!${digits(number)}`
      const entry = entryCodec.encode([id, sender, byteLength, storedAtMs, expiresAtMs])
      const senders = { ...before.senders, [sender]: (before.senders[sender] ?? 0) + byteLength }
      // Counted before it is durable, so that many at once do not pass the quota together.
      this.#count(1, byteLength)
      try {
        await this.#commits.commit([
          { type: 'put', key: `item!${place}`, value: bytes },
          { type: 'put', key: `entry!${place}`, value: entry },
          { type: 'put', key: `id!${box}!${hex(id)}`, value: Buffer.from(String(number)) },
          { type: 'put', key: `end!${digits(expiresAtMs)}!${place}`, value: EMPTY },
          this.#putBox(box, { last: number, items: before.items + 1, senders }),
        ])
      } catch (error) {
        this.#count(-1, -byteLength)
        throw error
      }
      return entryOf(number, entry)
    })
  }

  async list(mailbox: MailboxId, after: number, limit: number, nowMs: number): Promise<Entry[]> {
    const box = hex(mailbox)
    const range = { gt: `entry!${box}!${digits(after)}`, lt: `entry!${box}"` }
    const entries: Entry[] = []
    for await (const [key, value] of this.#level.iterator(range)) {
      const entry = entryOf(Number(key.slice(key.lastIndexOf('!') + 1)), value)
      if (entry.expiresAtMs > nowMs && entries.push(entry) === limit) break
    }
    return entries
  }

  async get(mailbox: MailboxId, number: number): Promise<Uint8Array | null> {
    return (await this.#level.get(`item!${hex(mailbox)}!${digits(number)}`)) ?? null
  }

  async remove(mailbox: MailboxId, numbers: readonly number[]): Promise<void> {
    await this.#remove(hex(mailbox), numbers)
  }

  async sweep(nowMs: number, limit: number): Promise<number> {
    const ended = new Map<string, number[]>()
    for await (const key of this.#level.keys({
      gte: 'end!',
      lte: `end!${digits(nowMs)}"`,
      limit,
    })) {
      const [, , box, number] = key.split('!') as [string, string, string, string]
      ended.set(box, [...(ended.get(box) ?? []), Number(number)])
    }
    let removed = 0
    for (const [box, numbers] of ended) removed += await this.#remove(box, numbers)
    return removed
  }

  async close(): Promise<void> {
    await this.#turns.idle()
    await this.#commits.idle()
    await this.#level.close()
  }

  #remove(box: string, numbers: readonly number[]): Promise<number> {
    return this.#turns.run(box, async () => {
      const before = await this.#box(box)
      const senders = new Map(Object.entries(before.senders))
      const operations: Operation[] = []
      let items = 0
      let bytes = 0
      for (const number of new Set(numbers)) {
        const place = `${box}!${digits(number)}`
        const value = await this.#level.get(`entry!${place}`)
        if (value === undefined) continue
        const [id, sender, byteLength, , expiresAtMs] = entryCodec.decode(value)
        items += 1
        bytes += byteLength
        const left = (senders.get(sender) ?? 0) - byteLength
        if (left > 0) senders.set(sender, left)
        else senders.delete(sender)
        const keys = [
          `item!${place}`,
          `entry!${place}`,
          `id!${box}!${hex(id)}`,
          `end!${digits(expiresAtMs)}!${place}`,
        ]
        operations.push(...keys.map((key) => ({ type: 'del' as const, key })))
      }
      if (items === 0) return 0
      const after = {
        last: before.last,
        items: before.items - items,
        senders: Object.fromEntries(senders),
      }
      await this.#commits.commit([...operations, this.#putBox(box, after)])
      this.#count(-items, -bytes)
      return items
    })
  }

  async #box(box: string): Promise<Box> {
    const value = await this.#level.get(`box!${box}`)
    return value === undefined ? { last: 0, items: 0, senders: {} } : boxCodec.decode(value)
  }

  #putBox(box: string, value: Box): Operation {
    return { type: 'put', key: `box!${box}`, value: boxCodec.encode(value) }
  }

  #requireRoom({ items, senders }: Box, sender: string, byteLength: number): void {
    const quotas = this.#quotas
    if (this.usage.bytes + byteLength > quotas.bytesInAll) throw new MailboxFullError('relay')
    const full =
      items >= quotas.itemsPerMailbox || sum(senders) + byteLength > quotas.bytesPerMailbox
    if (full) throw new MailboxFullError('mailbox')
    if ((senders[sender] ?? 0) + byteLength > quotas.bytesPerSender) {
      throw new MailboxFullError('sender')
    }
  }

  #count(items: number, bytes: number): void {
    this.usage.items += items
    this.usage.bytes += bytes
  }
}

function entryOf(number: number, value: Uint8Array): Entry {
  const [id, , byteLength, storedAtMs, expiresAtMs] = entryCodec.decode(value)
  // LevelDB gives Buffers.
  return { number, id: Uint8Array.from(id), byteLength, storedAtMs, expiresAtMs }
}

function sum(senders: Record<string, number>): number {
  return Object.values(senders).reduce((all, bytes) => all + bytes, 0)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Of a number up to 2^53, so that text stands in the order of numbers. */
function digits(number: number): string {
  return String(number).padStart(16, '0')
}
