import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MailboxFullError } from '#relay/mailbox/errors.ts'
import {
  EMPTY_MAILBOX_LIFE_MS,
  type MailboxStore,
  type NewItem,
  type Prekeys,
  type Quotas,
  ROW_BYTES,
} from '#relay/mailbox/store.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'

const NOW = 1_700_000_000_000
const SECOND = NOW / 1_000
const DAY_MS = 86_400_000

/** What an item of 100 bytes counts. */
const ITEM = ROW_BYTES + 100

const QUOTAS: Quotas = {
  mailbox: 5 * ITEM,
  sender: 3 * ITEM,
  strangers: 2 * ITEM,
  relay: 7 * ITEM + 2 * ROW_BYTES,
}

/** A place that outlives the store on it. */
export interface Ground {
  open(quotas: Quotas): Promise<MailboxStore>
  /** Ends what is open as a power cut does, in place of `close`: what is not on the disk is lost. */
  powerCut(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What every mailbox store must do. */
export function complies(kind: string, prepare: () => Promise<Ground>): void {
  const random = seededRandom(1)
  const anna = random.bytes(32)
  const boris = random.bytes(32)
  const [ada, eve, kim] = [random.bytes(16), random.bytes(16), random.bytes(16)]
  let ground: Ground
  let store: MailboxStore

  beforeEach(async () => {
    ground = await prepare()
    store = await ground.open(QUOTAS)
  })

  afterEach(async () => {
    await store.close()
    await ground[Symbol.asyncDispose]()
  })

  const item = (changes: Partial<NewItem> = {}): NewItem => ({
    mailbox: anna,
    sender: ada,
    proof: changes.sender === null ? null : random.bytes(64),
    id: random.bytes(32),
    bytes: random.bytes(100),
    storedAtMs: NOW,
    expiresAtMs: NOW + DAY_MS,
    ...changes,
  })
  const prekeys = (changes: Partial<Prekeys> = {}): Prekeys => ({
    second: SECOND,
    bundle: random.bytes(200),
    oneTime: [random.bytes(50), random.bytes(50)],
    expiresAtMs: NOW + DAY_MS,
    ...changes,
  })
  const reopen = async (): Promise<void> => {
    await store.close()
    store = await ground.open(QUOTAS)
  }
  const cutPower = async (): Promise<void> => {
    await ground.powerCut()
    store = await ground.open(QUOTAS)
  }
  const numbers = async (mailbox = anna, nowMs = NOW): Promise<number[]> =>
    (await store.list(mailbox, 0, 100, nowMs)).map(({ number }) => number)
  const sweepAll = async (nowMs: number): Promise<void> => {
    while ((await store.sweep(nowMs, 100)) > 0);
  }

  describe(`a mailbox store ${kind}`, () => {
    test('gives back what was put, in order, and after it was opened again', async () => {
      const [one, two] = [item(), item({ sender: null })]
      const stored = [await store.put(one), await store.put(two)]
      for (let time = 0; time < 2; time++) {
        expect(await store.list(anna, 0, 10, NOW)).toEqual(stored)
        expect(stored.map(({ id }) => id)).toEqual([one.id, two.id])
        expect(stored.map(({ sender }) => sender)).toEqual([ada, null])
        const [first, second] = stored.map(({ number }) => number) as [number, number]
        expect(await store.read(anna, [second, 5, first])).toEqual(
          new Map([
            [second, two.bytes],
            [first, one.bytes],
          ]),
        )
        expect(await store.usage()).toEqual({ items: 2, bytes: 2 * ITEM + ROW_BYTES })
        await reopen()
      }
    })

    test('keeps what came first under a name, also when it was opened again', async () => {
      const values = [random.bytes(16), random.bytes(16)]
      const kept = await Promise.all(values.map((value) => store.constant('store', value)))
      expect(kept[1]).toEqual(kept[0])
      expect(values).toContainEqual(kept[0])
      const other = random.bytes(32)
      expect(await store.constant('wake-key', other)).toEqual(other)
      await cutPower()
      expect(await store.constant('store', random.bytes(16))).toEqual(kept[0])
    })

    test('has after a power cut what it said it has, and not what it said is gone', async () => {
      const { number: gone } = await store.put(item())
      const { number: kept } = await store.put(item())
      await store.remove(anna, [gone], NOW)
      await store.publish(anna, prekeys())
      const taken = await store.take(anna, true, NOW)
      await store.wakeAt(anna, { second: 1, endpoint: 'https://a', expiresAtMs: NOW + 1 })
      await cutPower()
      expect(await numbers()).toEqual([kept])
      expect((await store.read(anna, [kept])).size).toBe(1)
      expect(await store.oneTimeLeft(anna, NOW)).toBe(1)
      expect((await store.take(anna, true, NOW))!.oneTime).not.toEqual(taken!.oneTime)
      expect((await store.wake(anna, NOW))!.endpoint).toBe('https://a')
    })

    test('has after a power cut each of many that came at once', async () => {
      const { length } = await Promise.all(
        [anna, boris].flatMap((mailbox) =>
          [ada, eve, null].map((sender) => store.put(item({ mailbox, sender }))),
        ),
      )
      await cutPower()
      expect([...(await numbers(anna)), ...(await numbers(boris))]).toHaveLength(length)
    })

    test('keeps mailboxes apart', async () => {
      const { number } = await store.put(item())
      await store.put(item({ mailbox: boris }))
      expect(await numbers(boris)).toHaveLength(1)
      await store.remove(boris, [number + 1], NOW)
      expect(await numbers()).toEqual([number])
      expect(await store.read(boris, [number + 1])).toEqual(new Map())
    })

    test('lists a page at a time', async () => {
      for (const sender of [ada, ada, eve, null, null]) await store.put(item({ sender }))
      const first = await store.list(anna, 0, 2, NOW)
      const rest = await store.list(anna, first[1]!.number, 10, NOW)
      expect([...first, ...rest].map(({ number }) => number)).toEqual(await numbers())
      expect(rest).toHaveLength(3)
    })

    test('keeps an item once, as it came first', async () => {
      const once = item()
      const first = await store.put(once)
      const again = { ...once, sender: eve, storedAtMs: NOW + 5 }
      expect(await store.put(again)).toEqual(first)
      expect(await Promise.all([store.put(again), store.put(again)])).toEqual([first, first])
      expect((await store.usage()).items).toBe(1)
    })

    test('keeps one that came twice at once a single time', async () => {
      const once = item()
      const [first, second] = await Promise.all([store.put(once), store.put(once)])
      expect(second).toEqual(first)
      expect(await numbers()).toEqual([first.number])
    })

    test('keeps one anew whose time was over', async () => {
      const { number, ...first } = await store.put(item({ expiresAtMs: NOW + 5 }))
      const again = await store.put(
        item({ ...first, storedAtMs: NOW + 5, expiresAtMs: NOW + DAY_MS }),
      )
      expect(again.number).toBeGreaterThan(number)
      expect(await numbers(anna, NOW + 5)).toEqual([again.number])
      expect((await store.usage()).items).toBe(1)
    })

    test('removes for good, and gives no number twice', async () => {
      const [one, two] = [await store.put(item()), await store.put(item())]
      await store.remove(anna, [two.number, two.number, 999], NOW)
      expect(await numbers()).toEqual([one.number])
      expect(await store.read(anna, [two.number])).toEqual(new Map())
      await reopen()
      expect(await store.usage()).toEqual({ items: 1, bytes: ITEM + ROW_BYTES })
      const three = await store.put(item())
      expect(three.number).toBeGreaterThan(two.number)
      await store.remove(anna, [one.number, three.number], NOW)
      expect((await store.put(item())).number).toBeGreaterThan(three.number)
    })

    test('does not show what has expired, and sweeps it away', async () => {
      const { number } = await store.put(item())
      await store.put(item({ expiresAtMs: NOW + 5 }))
      await store.put(item({ mailbox: boris, expiresAtMs: NOW + 5 }))
      expect(await numbers(anna, NOW + 5)).toEqual([number])
      expect(await store.sweep(NOW + 4, 10)).toBe(0)
      expect(await store.sweep(NOW + 5, 1)).toBe(1)
      expect(await store.sweep(NOW + 5, 10)).toBe(1)
      expect((await store.usage()).items).toBe(1)
    })

    test('forgets a mailbox that was empty for a day, and nothing of it counts', async () => {
      const { number } = await store.put(item())
      await store.remove(anna, [number], NOW)
      await store.publish(anna, prekeys())
      await store.wakeAt(anna, { second: 1, endpoint: null, expiresAtMs: NOW + 5 })
      await sweepAll(NOW + EMPTY_MAILBOX_LIFE_MS - 1)
      expect((await store.usage()).bytes).toBeGreaterThan(ROW_BYTES)
      await sweepAll(NOW + EMPTY_MAILBOX_LIFE_MS)
      expect(await store.usage()).toEqual({ items: 0, bytes: 0 })
      const later = item({ storedAtMs: NOW + EMPTY_MAILBOX_LIFE_MS })
      expect((await store.put(later)).number).toBeGreaterThan(number)
    })

    test('does not forget a mailbox that was empty for an hour', async () => {
      const { number } = await store.put(item())
      await store.remove(anna, [number], NOW)
      const later = { storedAtMs: NOW + DAY_MS / 24, expiresAtMs: NOW + 3 * DAY_MS }
      const { number: next } = await store.put(item(later))
      await sweepAll(NOW + EMPTY_MAILBOX_LIFE_MS)
      expect(await numbers(anna, NOW + DAY_MS)).toEqual([next])
    })

    test.each<[keyof Quotas, Partial<NewItem>[]]>([
      ['sender', [{}, {}, {}]],
      ['strangers', [{ sender: null }, { sender: null }]],
      ['mailbox', [{}, {}, { sender: eve }, { sender: eve }, { sender: kim }]],
      [
        'relay',
        [
          ...[{}, {}, { sender: eve }, { sender: eve }],
          ...[ada, eve, kim].map((sender) => ({ sender, mailbox: boris })),
        ],
      ],
    ])('takes what fills the quota of the %s, and nothing more', async (quota, before) => {
      for (const each of before) await store.put(item(each))
      const usage = await store.usage()
      const refused = item({ ...before[0], id: random.bytes(32), bytes: random.bytes(1) })
      await expect(store.put(refused)).rejects.toThrow(MailboxFullError)
      await expect(store.put(refused)).rejects.toMatchObject({ quota })
      expect(await store.usage()).toEqual(usage)
      await reopen()
      await expect(store.put(refused)).rejects.toMatchObject({ quota })
    })

    test('counts what comes at once together', async () => {
      const senders = Array.from({ length: 12 }, () => random.bytes(16))
      const results = await Promise.allSettled(senders.map((sender) => store.put(item({ sender }))))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
      expect(await numbers()).toHaveLength(5)
      expect((await store.usage()).items).toBe(5)
    })

    test('counts what comes at once into many mailboxes together', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, () => store.put(item({ mailbox: random.bytes(32) }))),
      )
      const each = ITEM + ROW_BYTES
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(
        Math.floor(QUOTAS.relay / each),
      )
    })

    test('has room again where something was removed', async () => {
      const { number } = await store.put(item({ bytes: random.bytes(3 * ITEM - ROW_BYTES) }))
      await expect(store.put(item())).rejects.toThrow(MailboxFullError)
      await store.remove(anna, [number], NOW)
      await store.put(item())
    })

    test('gives each one-time prekey once, and then the bundle alone', async () => {
      const published = prekeys()
      await store.publish(anna, published)
      expect(await store.oneTimeLeft(anna, NOW)).toBe(2)
      const taken = await Promise.all([1, 2, 3].map(() => store.take(anna, true, NOW)))
      expect(taken.every((each) => Buffer.compare(each!.bundle, published.bundle) === 0)).toBe(true)
      const given = taken.map((each) => each!.oneTime)
      expect(given).toContain(null)
      expect(given).toEqual(expect.arrayContaining([...published.oneTime]))
      expect(await store.oneTimeLeft(anna, NOW)).toBe(0)
      await reopen()
      expect((await store.take(anna, true, NOW))!.oneTime).toBeNull()
    })

    test('gives the bundle alone to who is to have no more', async () => {
      await store.publish(anna, prekeys())
      expect((await store.take(anna, false, NOW))!.oneTime).toBeNull()
      expect(await store.oneTimeLeft(anna, NOW)).toBe(2)
    })

    test('replaces prekeys by later ones, and not by earlier ones that come late', async () => {
      await store.publish(anna, prekeys())
      const later = prekeys({ second: SECOND + 1, oneTime: [random.bytes(10)] })
      await store.publish(anna, later)
      expect(await store.take(anna, true, NOW)).toEqual({
        bundle: later.bundle,
        oneTime: later.oneTime[0],
      })
      await store.publish(anna, later)
      await store.publish(anna, prekeys())
      expect(await store.take(anna, true, NOW)).toEqual({ bundle: later.bundle, oneTime: null })
      expect((await store.usage()).bytes).toBe(ROW_BYTES + later.bundle.byteLength)
    })

    test('has no prekeys where none were published, and where they have expired', async () => {
      expect(await store.take(anna, true, NOW)).toBeNull()
      expect(await store.oneTimeLeft(anna, NOW)).toBeNull()
      await store.publish(anna, prekeys({ expiresAtMs: NOW + 5 }))
      expect(await store.take(anna, true, NOW + 5)).toBeNull()
      expect(await store.oneTimeLeft(anna, NOW + 5)).toBeNull()
    })

    test('takes no prekeys beyond the quota of the relay, and leaves those there are', async () => {
      const first = prekeys()
      await store.publish(anna, first)
      const usage = await store.usage()
      const large = prekeys({ second: SECOND + 1, bundle: random.bytes(QUOTAS.relay) })
      await expect(store.publish(anna, large)).rejects.toMatchObject({ quota: 'relay' })
      expect((await store.take(anna, false, NOW))!.bundle).toEqual(first.bundle)
      expect(await store.usage()).toEqual(usage)
      const fits = prekeys({
        second: SECOND + 2,
        bundle: random.bytes(QUOTAS.relay - ROW_BYTES),
        oneTime: [],
      })
      await store.publish(anna, fits)
      const wake = { second: 1, endpoint: 'https://a', expiresAtMs: NOW + 5 }
      await expect(store.wakeAt(anna, wake)).rejects.toMatchObject({ quota: 'relay' })
    })

    test('knows whom to wake, by the latest request, until it expires', async () => {
      expect(await store.wake(anna, NOW)).toBeNull()
      const wake = { second: 5, endpoint: 'https://a', expiresAtMs: NOW + 5 }
      await store.wakeAt(anna, wake)
      await store.wakeAt(anna, { ...wake, second: 4, endpoint: 'https://b' })
      expect(await store.wake(anna, NOW)).toEqual(wake)
      expect(await store.wake(anna, NOW + 5)).toBeNull()
      const nobody = { ...wake, second: 6, endpoint: null }
      await store.wakeAt(anna, nobody)
      await reopen()
      await store.wakeAt(anna, wake)
      expect(await store.wake(anna, NOW)).toEqual(nobody)
      expect((await store.usage()).bytes).toBe(ROW_BYTES)
    })
  })
}
