import { afterAll, beforeAll, expect, test } from 'vitest'
import { itemId } from '#lib/protocol/mailbox.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { startRelay } from '../integration/relay/harness.ts'
import { RefusalError, TestMailbox } from '../support/mailbox.ts'
import { Postgres } from '../support/postgres.ts'

const random = seededRandom(5)
let postgres: Postgres

beforeAll(async () => {
  postgres = await Postgres.start()
})

afterAll(() => postgres[Symbol.asyncDispose]())

test('what is put at one relay is read at another on the same store, which both say they are on', async () => {
  const url = await postgres.database()
  const relays = [await startRelay(['--store', url]), await startRelay(['--store', url])]
  const seed = random.bytes(32)
  const [here, there] = (await Promise.all(
    relays.map(({ address }) => TestMailbox.at(address, seed)),
  )) as [TestMailbox, TestMailbox]
  expect(there.info.relay).not.toEqual(here.info.relay)
  expect(there.info.store).toEqual(here.info.store)
  expect(there.info.wakeKey).toEqual(here.info.wakeKey)
  const item = random.bytes(100)
  await here.put(await here.pass(random.bytes(16)), item)
  const { entries } = await there.list()
  expect(entries.map(({ id }) => id)).toEqual([itemId(item)])
  await there.remove(entries.map(({ number }) => number))
  expect((await here.list()).entries).toEqual([])
})

test('a relay whose database is away says so, goes on, and serves again when it is back', async () => {
  const relay = await startRelay(['--store', await postgres.database()])
  const box = await TestMailbox.at(relay.address, random.bytes(32))
  const pass = await box.pass(random.bytes(16))
  await box.put(pass, random.bytes(10))
  await postgres.kill()
  const error: unknown = await box.put(pass, random.bytes(10)).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(RefusalError)
  expect(error).toMatchObject({ status: 503, refusal: { reason: 'failed' } })
  const metrics = await fetch(`${relay.address}/metrics`)
  expect(await metrics.text()).toContain('starling_relay_mailbox_items Nan')
  await postgres.up()
  await box.put(pass, random.bytes(10))
  expect((await box.list()).entries).toHaveLength(2)
})
