import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MailboxFullError } from '#relay/mailbox/errors.ts'
import type { MailboxStore, NewItem, Quotas } from '#relay/mailbox/store.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const NOW = 1_700_000_000_000
const DAY_MS = 86_400_000

const quotas: Quotas = {
  itemsPerMailbox: 5,
  bytesPerMailbox: 1_000,
  bytesPerSender: 600,
  bytesInAll: 1_500,
}

/** A place that outlives the store on it. */
export interface Ground {
  open(quotas: Quotas): Promise<MailboxStore>
  [Symbol.asyncDispose](): Promise<void>
}

/** What every mailbox store must do. */
export function complies(kind: string, prepare: () => Promise<Ground>): void {
  const random = seededRandom(1)
  const anna = random.bytes(32)
  const boris = random.bytes(32)
  let ground: Ground
  let store: MailboxStore

  beforeEach(async () => {
    ground = await prepare()
    store = await ground.open(quotas)
  })

  afterEach(async () => {
    await store.close()
    await ground[Symbol.asyncDispose]()
  })

  const item = (changes: Partial<NewItem> = {}): NewItem => ({
    mailbox: anna,
    sender: 'ada',
    id: random.bytes(32),
    bytes: random.bytes(100),
    storedAtMs: NOW,
    expiresAtMs: NOW + DAY_MS,
    ...changes,
  })
  const reopen = async (): Promise<void> => {
    await store.close()
    store = await ground.open(quotas)
  }
  const numbers = async (mailbox = anna, nowMs = NOW): Promise<number[]> =>
    (await store.list(mailbox, 0, 100, nowMs)).map(({ number }) => number)

  describe(`a mailbox store ${kind}`, () => {
    test('gives back what was put, in order, and after it was opened again', async () => {
      const [one, two] = [item(), item()]
      const stored = [await store.put(one), await store.put(two)]
      for (let time = 0; time < 2; time++) {
        expect(await store.list(anna, 0, 10, NOW)).toEqual(stored)
        expect(stored.map(({ id }) => id)).toEqual([one.id, two.id])
        expect(Buffer.from((await store.get(anna, stored[1]!.number))!)).toEqual(
          Buffer.from(two.bytes),
        )
        expect(store.usage).toEqual({ items: 2, bytes: 200 })
        await reopen()
      }
    })

    test('keeps mailboxes apart', async () => {
      const { number } = await store.put(item())
      await store.put(item({ mailbox: boris }))
      expect(await numbers(boris)).toHaveLength(1)
      await store.remove(boris, [number])
      expect(await numbers()).toEqual([number])
    })

    test('lists a page at a time', async () => {
      for (let count = 0; count < 5; count++) await store.put(item())
      const first = await store.list(anna, 0, 2, NOW)
      const rest = await store.list(anna, first[1]!.number, 10, NOW)
      expect([...first, ...rest].map(({ number }) => number)).toEqual(await numbers())
      expect(rest).toHaveLength(3)
    })

    test('keeps an item once, as it came first', async () => {
      const once = item()
      const first = await store.put(once)
      expect(await store.put({ ...once, storedAtMs: NOW + 5 })).toEqual(first)
      expect(store.usage.items).toBe(1)
    })

    test('removes for good, and gives no number twice', async () => {
      const [one, two] = [await store.put(item()), await store.put(item())]
      await store.remove(anna, [two.number, two.number, 999])
      expect(await numbers()).toEqual([one.number])
      expect(await store.get(anna, two.number)).toBeNull()
      await reopen()
      expect(store.usage).toEqual({ items: 1, bytes: 100 })
      expect((await store.put(item())).number).toBeGreaterThan(two.number)
    })

    test('does not show what has expired, and sweeps it away', async () => {
      const { number } = await store.put(item())
      await store.put(item({ expiresAtMs: NOW + 5 }))
      await store.put(item({ mailbox: boris, expiresAtMs: NOW + 5 }))
      expect(await numbers(anna, NOW + 5)).toEqual([number])
      expect(await store.sweep(NOW + 4, 10)).toBe(0)
      expect(await store.sweep(NOW + 5, 1)).toBe(1)
      expect(await store.sweep(NOW + 5, 10)).toBe(1)
      expect(store.usage).toEqual({ items: 1, bytes: 100 })
    })

    test.each<[MailboxFullError['quota'], Partial<NewItem>[]]>([
      ['sender', [{ bytes: random.bytes(600) }]],
      ['mailbox', [{ bytes: random.bytes(500) }, { sender: 'eve', bytes: random.bytes(450) }]],
      [
        'mailbox',
        Array.from({ length: 5 }, (_, at) => ({ sender: `s${at}`, bytes: random.bytes(1) })),
      ],
      [
        'relay',
        ['a', 'b', 'c'].map((sender) => ({
          mailbox: sender === 'c' ? boris : random.bytes(32),
          sender,
          bytes: random.bytes(490),
        })),
      ],
    ])('refuses beyond the quota of the %s, and keeps nothing of it', async (quota, before) => {
      for (const each of before) await store.put(item(each))
      const usage = { ...store.usage }
      const refused = item({ bytes: random.bytes(60) })
      await expect(store.put(refused)).rejects.toThrow(MailboxFullError)
      await expect(store.put(refused)).rejects.toMatchObject({ quota })
      expect(store.usage).toEqual(usage)
    })

    test('counts what comes at once together', async () => {
      const puts = Array.from({ length: 12 }, (_, at) => store.put(item({ sender: `s${at}` })))
      const results = await Promise.allSettled(puts)
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
      expect(await numbers()).toHaveLength(5)
    })

    test('has room again where something was removed', async () => {
      const { number } = await store.put(item({ bytes: random.bytes(600) }))
      await expect(store.put(item())).rejects.toThrow(MailboxFullError)
      await store.remove(anna, [number])
      await store.put(item())
    })
  })
}
