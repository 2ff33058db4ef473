import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MailboxFullError, MailboxStoreError, VolatileStoreError } from '#relay/mailbox/errors.ts'
import { PostgresMailboxStore } from '#relay/mailbox/postgres-store.ts'
import type { NewItem, Quotas } from '#relay/mailbox/store.ts'
import { ROW_BYTES } from '#relay/mailbox/store.ts'
import { complies } from '../compliance/mailbox-store.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { Postgres } from '../support/postgres.ts'

const random = seededRandom(3)
let postgres: Postgres

beforeAll(async () => {
  postgres = await Postgres.start()
})

afterAll(() => postgres[Symbol.asyncDispose]())

const QUOTAS: Quotas = { mailbox: 100_000, sender: 100_000, strangers: 100_000, relay: 1_000_000 }

function open(
  url: string,
  { quotas = QUOTAS, mayForget = false }: { quotas?: Quotas; mayForget?: boolean } = {},
): Promise<PostgresMailboxStore> {
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  return PostgresMailboxStore.open({ log }, { url, quotas, mayForget })
}

function itemOf(mailbox: Uint8Array, changes: Partial<NewItem> = {}): NewItem {
  return {
    mailbox,
    sender: null,
    proof: null,
    id: random.bytes(32),
    bytes: random.bytes(100),
    storedAtMs: 1,
    expiresAtMs: 1_000,
    ...changes,
  }
}

complies('in PostgreSQL', async () => {
  const url = await postgres.database()
  const stores: PostgresMailboxStore[] = []
  return {
    async open(quotas) {
      const store = await open(url, { quotas })
      stores.push(store)
      return store
    },
    async powerCut() {
      await postgres.kill()
      await stores.at(-1)!.close()
      await postgres.up()
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})

test('relays that share a store have one name, one quota and one order', async () => {
  const url = await postgres.database()
  const each = ROW_BYTES + 100
  const quotas = { ...QUOTAS, relay: 50 * each + ROW_BYTES, strangers: 1_000_000 }
  // All at once, where there are no tables yet.
  const stores = await Promise.all([1, 2, 3].map(() => open(url, { quotas })))
  const names = stores.map((store) => store.constant('store', random.bytes(16)))
  const [name, ...same] = await Promise.all(names)
  expect(same).toEqual([name, name])
  const mailbox = random.bytes(32)
  const puts = Array.from({ length: 90 }, (_, at) => stores[at % 3]!.put(itemOf(mailbox)))
  const results = await Promise.allSettled(puts)
  const kept = results.filter(({ status }) => status === 'fulfilled')
  expect(kept).toHaveLength(50)
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(MailboxFullError)
  }
  for (const store of stores) {
    expect(await store.usage()).toEqual({ items: 50, bytes: quotas.relay })
    const numbers = (await store.list(mailbox, 0, 100, 2)).map(({ number }) => number)
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, at) => at + 1))
    await store.close()
  }
})

test('what one relay lists is never followed by a smaller number', async () => {
  const url = await postgres.database()
  const stores = await Promise.all([1, 2, 3].map(() => open(url)))
  const mailbox = random.bytes(32)
  let last = 0
  const seen: number[] = []
  const readMore = async (): Promise<void> => {
    for (const { number } of await stores[2]!.list(mailbox, last, 1_000, 2)) {
      seen.push(number)
      last = number
    }
  }
  const putting = [0, 1].map(async (at) => {
    for (let round = 0; round < 20; round++) {
      await Promise.all([1, 2, 3].map(() => stores[at]!.put(itemOf(mailbox))))
    }
  })
  for (let round = 0; round < 20; round++) await readMore()
  await Promise.all(putting)
  await readMore()
  expect(seen).toEqual(Array.from({ length: 120 }, (_, at) => at + 1))
  for (const store of stores) await store.close()
})

test('refuses a database that forgets, unless it is allowed', async () => {
  const url = withSetting(await postgres.database(), 'synchronous_commit=off')
  await expect(open(url)).rejects.toThrow(VolatileStoreError)
  const store = await open(url, { mayForget: true })
  await store.put(itemOf(random.bytes(32)))
  await store.close()
})

test('says that the database is away, without a password, and goes on when it is back', async () => {
  const url = await postgres.database()
  const store = await open(url)
  const mailbox = random.bytes(32)
  await store.put(itemOf(mailbox))
  await postgres.kill()
  await expect(store.put(itemOf(mailbox))).rejects.toThrow(MailboxStoreError)
  await expect(store.list(mailbox, 0, 10, 2)).rejects.toThrow(MailboxStoreError)
  await expect(open(url.replace('starling@', 'starling:secret@'))).rejects.toThrow(/^(?!.*secret)/)
  await postgres.up()
  await store.put(itemOf(mailbox))
  expect(await store.list(mailbox, 0, 10, 2)).toHaveLength(2)
  await store.close()
})

test('begins again where the database could not put transactions in order', async () => {
  const url = withSetting(await postgres.database(), 'default_transaction_isolation=serializable')
  const stores = [await open(url), await open(url)]
  const mailbox = random.bytes(32)
  for (let round = 0; round < 10; round++) {
    await Promise.all(stores.map((store) => store.put(itemOf(mailbox, { bytes: random.bytes(1) }))))
  }
  for (const store of stores) {
    expect(await store.list(mailbox, 0, 100, 2)).toHaveLength(20)
    await store.close()
  }
})

test('tables hold no more than the store says', async () => {
  const url = await postgres.database()
  const store = await open(url)
  const mailbox = random.bytes(32)
  await store.put(itemOf(mailbox))
  await store.publish(mailbox, {
    second: 1,
    bundle: random.bytes(10),
    oneTime: [random.bytes(5)],
    expiresAtMs: 1_000,
  })
  await store.wakeAt(mailbox, { second: 1, endpoint: 'https://a', expiresAtMs: 1_000 })
  for (const nowMs of [1_000, 1e9]) while ((await store.sweep(nowMs, 100)) > 0);
  const client = new pg.Client(url)
  await client.connect()
  for (const table of ['mailbox', 'sender', 'item', 'prekeys', 'one_time', 'wake']) {
    const { rows } = await client.query(`SELECT * FROM starling_${table}`)
    expect(rows, table).toEqual([])
  }
  await client.end()
  await store.close()
})

function ignore(): void {
  return
}

/** The address of a database whose sessions have this setting. */
function withSetting(url: string, setting: string): string {
  return `${url}&options=${encodeURIComponent(`-c ${setting}`)}`
}
