import type { BatchOperation, ClassicLevel } from 'classic-level'
import * as v from 'valibot'
import { type Codec, codec } from '#lib/protocol/codec.ts'
import { bytesSchema } from '#lib/protocol/schemas.ts'
import { Turns } from '#lib/protocol/turns.ts'
import { probe } from '../store/level-disk.ts'
import { MailboxFullError, MailboxStoreError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import {
  type ConstantName,
  EMPTY_MAILBOX_LIFE_MS,
  type Entry,
  type MailboxId,
  type MailboxStore,
  type NewItem,
  type Prekeys,
  type Quotas,
  ROW_BYTES,
  sizeOf,
  type Taken,
  type Usage,
  type Wake,
} from './store.ts'

type Level = ClassicLevel<string, Uint8Array>
type Operation = BatchOperation<Level, string, Uint8Array>

const EMPTY = new Uint8Array()

/** Longest row in bytes but for the bytes of items and prekeys, which are rows of their own. */
const MAX_ROW_BYTES = 4_096

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** Id, sender and their proof, length, stored at, expires at. Earlier versions had no proof beside the sender. */
const entryCodec = codec(
  v.strictTuple([
    bytesSchema(32, 32),
    v.nullable(
      v.union([v.strictTuple([bytesSchema(16, 16), bytesSchema(64, 64)]), bytesSchema(16, 16)]),
    ),
    count,
    count,
    count,
  ]),
  MAX_ROW_BYTES,
)

const boxCodec = codec(
  v.strictObject({
    /** Highest number given. */
    last: count,
    /** Of its items. */
    bytes: count,
    /** When it is forgotten, if it is empty. */
    goneAtMs: v.nullable(count),
  }),
  MAX_ROW_BYTES,
)

const prekeysCodec = codec(
  v.strictObject({
    second: count,
    expiresAtMs: count,
    /** One-time prekeys, numbered from 1. */
    left: count,
    /** What everything here counts. */
    bytes: count,
  }),
  MAX_ROW_BYTES,
)

const wakeCodec = codec(
  v.strictObject({ second: count, expiresAtMs: count, endpoint: v.nullable(v.string()) }),
  MAX_ROW_BYTES,
)

const numberCodec = codec(count, MAX_ROW_BYTES)

type Box = ReturnType<typeof boxCodec.decode>
type PrekeysRow = ReturnType<typeof prekeysCodec.decode>

const NEW_BOX: Box = { last: 0, bytes: 0, goneAtMs: null }

/** Changes of one mailbox that become durable together. */
interface Change {
  put(key: string, value: Uint8Array): void
  del(key: string): void
  /** Counted at once, so that many changes do not pass a quota together. @throws MailboxFullError */
  grow(usage: Usage): void
  shrink(usage: Usage): void
}

/**
 * Mailboxes in a LevelDB, for one relay. Keys, where `box` is hex and numbers and times have 16 digits, so that they
 * stand in order:
 *
 *     box!<box>                  what it holds
 *     sender!<box>!<sender>      bytes of one sender; of all strangers without a name
 *     entry!<box>!<number>       an item without its bytes
 *     item!<box>!<number>        its bytes
 *     id!<box>!<id>              its number
 *     prekeys!<box>              about them
 *     bundle!<box>               bytes
 *     one-time!<box>!<number>    bytes
 *     wake!<box>                 whom to wake
 *     constant!<name>            bytes
 *     end!<time>!<key>           when the thing with this key is removed
 */
export class LevelMailboxStore implements MailboxStore {
  readonly #level: Level
  readonly #quotas: Quotas
  readonly #turns = new Turns<string>()
  readonly #commits: GroupCommit<Operation>
  readonly #usage: Usage = { items: 0, bytes: 0 }
  #failure: unknown = null

  private constructor(level: Level, quotas: Quotas) {
    this.#level = level
    this.#quotas = quotas
    this.#commits = new GroupCommit((operations) => this.#write(operations))
  }

  /** @param level closed with the store */
  static async open(level: Level, quotas: Quotas): Promise<LevelMailboxStore> {
    await level.open()
    const store = new LevelMailboxStore(level, quotas)
    await store.#recount()
    return store
  }

  constant(name: ConstantName, value: Uint8Array): Promise<Uint8Array> {
    const key = `constant!${name}`
    return this.#change(key, async (change) => {
      const kept = await this.#level.get(key)
      if (kept === undefined) change.put(key, value)
      return Uint8Array.from(kept ?? value)
    })
  }

  async put(item: NewItem): Promise<Entry> {
    const box = hex(item.mailbox)
    const known = await this.#known(box, item.id)
    if (known !== null && known.expiresAtMs <= item.storedAtMs) {
      await this.remove(item.mailbox, [known.number], item.storedAtMs)
    }
    return await this.#change(
      box,
      async (change) =>
        (await this.#known(box, item.id)) ?? (await this.#putItem(change, box, item)),
    )
  }

  async list(mailbox: MailboxId, after: number, limit: number, nowMs: number): Promise<Entry[]> {
    const box = hex(mailbox)
    const range = { gt: `entry!${box}!${digits(after)}`, lt: `entry!${box}"` }
    const entries: Entry[] = []
    for await (const [key, value] of this.#level.iterator(range)) {
      const entry = entryOf(numberOf(key), value)
      if (entry.expiresAtMs > nowMs && entries.push(entry) === limit) break
    }
    return entries
  }

  async read(mailbox: MailboxId, numbers: readonly number[]): Promise<Map<number, Uint8Array>> {
    const box = hex(mailbox)
    const values = await this.#level.getMany(numbers.map((each) => `item!${box}!${digits(each)}`))
    const found = new Map<number, Uint8Array>()
    for (const [at, number] of numbers.entries()) {
      const bytes = values[at]
      if (bytes !== undefined) found.set(number, Uint8Array.from(bytes))
    }
    return found
  }

  async remove(mailbox: MailboxId, numbers: readonly number[], nowMs: number): Promise<void> {
    const box = hex(mailbox)
    await this.#change(box, (change) => this.#removeItems(change, box, numbers, nowMs))
  }

  publish(mailbox: MailboxId, prekeys: Prekeys): Promise<void> {
    const box = hex(mailbox)
    return this.#change(box, async (change) => {
      const before = await this.#get(prekeysCodec, `prekeys!${box}`)
      if (before !== null && before.second >= prekeys.second) return
      if (before !== null) this.#removePrekeys(change, box, before)
      const { second, expiresAtMs, bundle, oneTime } = prekeys
      const bytes = sizeOf(bundle, ...oneTime)
      change.grow({ items: 0, bytes })
      const row = { second, expiresAtMs, left: oneTime.length, bytes }
      change.put(`prekeys!${box}`, prekeysCodec.encode(row))
      change.put(`bundle!${box}`, bundle)
      for (const [at, each] of oneTime.entries()) change.put(oneTimeKey(box, at + 1), each)
      change.put(endKey(expiresAtMs, `prekeys!${box}`), EMPTY)
    })
  }

  async oneTimeLeft(mailbox: MailboxId, nowMs: number): Promise<number | null> {
    const prekeys = await this.#get(prekeysCodec, `prekeys!${hex(mailbox)}`)
    return prekeys !== null && prekeys.expiresAtMs > nowMs ? prekeys.left : null
  }

  take(mailbox: MailboxId, oneTime: boolean, nowMs: number): Promise<Taken | null> {
    const box = hex(mailbox)
    return this.#change(box, async (change) => {
      const prekeys = await this.#get(prekeysCodec, `prekeys!${box}`)
      if (prekeys === null || prekeys.expiresAtMs <= nowMs) return null
      const bundle = Uint8Array.from((await this.#level.get(`bundle!${box}`))!)
      if (!oneTime || prekeys.left === 0) return { bundle, oneTime: null }
      const key = oneTimeKey(box, prekeys.left)
      const taken = Uint8Array.from((await this.#level.get(key))!)
      const bytes = sizeOf(taken)
      change.del(key)
      change.put(
        `prekeys!${box}`,
        prekeysCodec.encode({
          ...prekeys,
          left: prekeys.left - 1,
          bytes: prekeys.bytes - bytes,
        }),
      )
      change.shrink({ items: 0, bytes })
      return { bundle, oneTime: taken }
    })
  }

  wakeAt(mailbox: MailboxId, wake: Wake): Promise<void> {
    const box = hex(mailbox)
    return this.#change(box, async (change) => {
      const before = await this.#get(wakeCodec, `wake!${box}`)
      if (before !== null && before.second >= wake.second) return
      if (before !== null) this.#removeWake(change, box, before)
      change.grow({ items: 0, bytes: ROW_BYTES })
      change.put(`wake!${box}`, wakeCodec.encode(wake))
      change.put(endKey(wake.expiresAtMs, `wake!${box}`), EMPTY)
    })
  }

  async wake(mailbox: MailboxId, nowMs: number): Promise<Wake | null> {
    const wake = await this.#get(wakeCodec, `wake!${hex(mailbox)}`)
    return wake !== null && wake.expiresAtMs > nowMs ? wake : null
  }

  /** Opens a store anew that could not write, when its disk takes bytes again. */
  async sweep(nowMs: number, limit: number): Promise<number> {
    if (this.#failure !== null) await this.#recover()
    const ended = new Map<string, string[]>()
    const range = { gte: 'end!', lte: `end!${digits(nowMs)}"`, limit }
    for await (const key of this.#level.keys(range)) {
      const [, , kind, box, number] = key.split('!')
      const thing = number === undefined ? kind! : number
      ended.set(box!, [...(ended.get(box!) ?? []), thing])
    }
    let removed = 0
    for (const [box, things] of ended) removed += await this.#removeEnded(box, things, nowMs)
    return removed
  }

  usage(): Promise<Usage> {
    return Promise.resolve({ ...this.#usage })
  }

  async close(): Promise<void> {
    await this.#turns.idle()
    await this.#commits.idle()
    await this.#level.close()
  }

  async #putItem(change: Change, box: string, item: NewItem): Promise<Entry> {
    const { id, sender, proof, bytes, storedAtMs, expiresAtMs } = item
    const { byteLength } = bytes
    const size = sizeOf(bytes)
    const senderKey = `sender!${box}!${sender === null ? '' : hex(sender)}`
    const sent = (await this.#get(numberCodec, senderKey)) ?? 0
    const known = await this.#get(boxCodec, `box!${box}`)
    const before = known ?? NEW_BOX
    if (before.bytes + size > this.#quotas.mailbox) throw new MailboxFullError('mailbox')
    const share = sender === null ? 'strangers' : 'sender'
    if (sent + size > this.#quotas[share]) throw new MailboxFullError(share)
    change.grow({ items: 1, bytes: known === null ? size + ROW_BYTES : size })
    if (before.goneAtMs !== null) change.del(endKey(before.goneAtMs, `box!${box}`))
    const number = Math.max(before.last + 1, storedAtMs)
    const place = `${box}!${digits(number)}`
    const by =
      sender === null || proof === null ? sender : ([sender, proof] as [Uint8Array, Uint8Array])
    change.put(`item!${place}`, bytes)
    change.put(`entry!${place}`, entryCodec.encode([id, by, byteLength, storedAtMs, expiresAtMs]))
    change.put(`id!${box}!${hex(id)}`, numberCodec.encode(number))
    change.put(endKey(expiresAtMs, `entry!${place}`), EMPTY)
    change.put(senderKey, numberCodec.encode(sent + size))
    const after = { last: number, bytes: before.bytes + size, goneAtMs: null }
    change.put(`box!${box}`, boxCodec.encode(after))
    return { number, sender, proof, id, byteLength, storedAtMs, expiresAtMs }
  }

  /** Gives how many were there. */
  async #removeItems(
    change: Change,
    box: string,
    numbers: readonly number[],
    nowMs: number,
  ): Promise<number> {
    const bytesBySender = new Map<string, number>()
    let items = 0
    let bytes = 0
    for (const number of new Set(numbers)) {
      const entry = await this.#entry(box, number)
      if (entry === null) continue
      const place = `${box}!${digits(number)}`
      change.del(`item!${place}`)
      change.del(`entry!${place}`)
      change.del(`id!${box}!${hex(entry.id)}`)
      change.del(endKey(entry.expiresAtMs, `entry!${place}`))
      const size = ROW_BYTES + entry.byteLength
      const sender = entry.sender === null ? '' : hex(entry.sender)
      bytesBySender.set(sender, (bytesBySender.get(sender) ?? 0) + size)
      items += 1
      bytes += size
    }
    if (items === 0) return 0
    for (const [sender, removed] of bytesBySender) {
      const key = `sender!${box}!${sender}`
      const left = ((await this.#get(numberCodec, key)) ?? removed) - removed
      if (left > 0) change.put(key, numberCodec.encode(left))
      else change.del(key)
    }
    const before = (await this.#get(boxCodec, `box!${box}`)) ?? NEW_BOX
    const isEmpty = before.bytes === bytes
    const goneAtMs = isEmpty ? nowMs + EMPTY_MAILBOX_LIFE_MS : null
    if (goneAtMs !== null) change.put(endKey(goneAtMs, `box!${box}`), EMPTY)
    const after = { last: before.last, bytes: before.bytes - bytes, goneAtMs }
    change.put(`box!${box}`, boxCodec.encode(after))
    change.shrink({ items, bytes })
    return items
  }

  #removePrekeys(change: Change, box: string, { left, bytes, expiresAtMs }: PrekeysRow): void {
    change.del(`prekeys!${box}`)
    change.del(`bundle!${box}`)
    for (let number = 1; number <= left; number++) change.del(oneTimeKey(box, number))
    change.del(endKey(expiresAtMs, `prekeys!${box}`))
    change.shrink({ items: 0, bytes })
  }

  #removeWake(change: Change, box: string, { expiresAtMs }: Wake): void {
    change.del(`wake!${box}`)
    change.del(endKey(expiresAtMs, `wake!${box}`))
    change.shrink({ items: 0, bytes: ROW_BYTES })
  }

  /** @param things numbers of items, or the kind of what there is one of */
  #removeEnded(box: string, things: readonly string[], nowMs: number): Promise<number> {
    return this.#change(box, async (change) => {
      const numbers = things.map(Number).filter(Number.isSafeInteger)
      let removed = await this.#removeItems(change, box, numbers, nowMs)
      const prekeys = await this.#get(prekeysCodec, `prekeys!${box}`)
      if (prekeys !== null && prekeys.expiresAtMs <= nowMs) {
        this.#removePrekeys(change, box, prekeys)
        removed += 1
      }
      const wake = await this.#get(wakeCodec, `wake!${box}`)
      if (wake !== null && wake.expiresAtMs <= nowMs) {
        this.#removeWake(change, box, wake)
        removed += 1
      }
      const { goneAtMs } = (await this.#get(boxCodec, `box!${box}`)) ?? NEW_BOX
      if (goneAtMs !== null && goneAtMs <= nowMs) {
        change.del(`box!${box}`)
        change.del(endKey(goneAtMs, `box!${box}`))
        change.shrink({ items: 0, bytes: ROW_BYTES })
        removed += 1
      }
      return removed
    })
  }

  #change<T>(box: string, prepare: (change: Change) => Promise<T>): Promise<T> {
    return this.#turns.run(box, async () => {
      const operations: Operation[] = []
      const grown: Usage = { items: 0, bytes: 0 }
      const shrunk: Usage = { items: 0, bytes: 0 }
      const change: Change = {
        put: (key, value) => operations.push({ type: 'put', key, value }),
        del: (key) => operations.push({ type: 'del', key }),
        grow: (usage) => {
          if (this.#usage.bytes - shrunk.bytes + usage.bytes > this.#quotas.relay) {
            throw new MailboxFullError('relay')
          }
          add(this.#usage, usage)
          add(grown, usage)
        },
        shrink: (usage) => {
          add(shrunk, usage)
        },
      }
      try {
        const result = await prepare(change)
        if (operations.length > 0) await this.#commits.commit(operations)
        subtract(this.#usage, shrunk)
        return result
      } catch (error) {
        subtract(this.#usage, grown)
        throw error
      }
    })
  }

  async #write(operations: Operation[]): Promise<void> {
    if (this.#failure === null) {
      try {
        await this.#level.batch(operations, { sync: true })
        return
      } catch (error) {
        // LevelDB takes no write after a failed one until it is opened anew: `sweep` tries.
        this.#failure = error
      }
    }
    throw new MailboxStoreError('the disk takes no writes', { cause: this.#failure })
  }

  async #recover(): Promise<void> {
    await this.#turns.idle()
    await probe(this.#level.location)
    await this.#level.close()
    await this.#level.open()
    await this.#recount()
    this.#failure = null
  }

  async #recount(): Promise<void> {
    const usage: Usage = { items: 0, bytes: 0 }
    for await (const value of this.#level.values(all('box'))) {
      usage.bytes += ROW_BYTES + boxCodec.decode(value).bytes
    }
    for await (const value of this.#level.values(all('prekeys'))) {
      usage.bytes += prekeysCodec.decode(value).bytes
    }
    usage.bytes += ROW_BYTES * (await this.#count('wake'))
    usage.items = await this.#count('entry')
    Object.assign(this.#usage, usage)
  }

  async #count(kind: string): Promise<number> {
    const keys = this.#level.keys(all(kind))
    let count = 0
    while ((await keys.next()) !== undefined) count += 1
    await keys.close()
    return count
  }

  async #known(box: string, id: Uint8Array): Promise<Entry | null> {
    const number = await this.#get(numberCodec, `id!${box}!${hex(id)}`)
    return number === null ? null : await this.#entry(box, number)
  }

  async #entry(box: string, number: number): Promise<Entry | null> {
    const value = await this.#level.get(`entry!${box}!${digits(number)}`)
    return value === undefined ? null : entryOf(number, value)
  }

  async #get<T>(codec: Codec<T>, key: string): Promise<T | null> {
    const value = await this.#level.get(key)
    return value === undefined ? null : codec.decode(value)
  }
}

function entryOf(number: number, value: Uint8Array): Entry {
  const [id, by, byteLength, storedAtMs, expiresAtMs] = entryCodec.decode(value)
  const [sender, proof] = Array.isArray(by) ? by : [by, null]
  // LevelDB gives Buffers.
  return {
    number,
    sender: sender && Uint8Array.from(sender),
    proof: proof && Uint8Array.from(proof),
    id: Uint8Array.from(id),
    byteLength,
    storedAtMs,
    expiresAtMs,
  }
}

function oneTimeKey(box: string, number: number): string {
  return `one-time!${box}!${digits(number)}`
}

function endKey(timeMs: number, key: string): string {
  return `end!${digits(timeMs)}!${key}`
}

/** All keys of this kind. */
function all(kind: string): { gte: string; lt: string } {
  return { gte: `${kind}!`, lt: `${kind}"` }
}

function add(to: Usage, { items, bytes }: Usage): void {
  to.items += items
  to.bytes += bytes
}

function subtract(from: Usage, { items, bytes }: Usage): void {
  add(from, { items: -items, bytes: -bytes })
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Of a number up to 2^53, so that text stands in the order of numbers. */
function digits(number: number): string {
  return String(number).padStart(16, '0')
}

function numberOf(entryKey: string): number {
  return Number(entryKey.slice(entryKey.lastIndexOf('!') + 1))
}
