import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StarlingDatabase } from '#lib/db/schema.ts'
import { freshChains, type Delivered } from '#lib/delivery/chain.ts'
import { encodeEnvelope } from '#lib/delivery/envelope.ts'
import { DexieDeliveryStore } from '#lib/delivery/store.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import { ChatJournal } from '#lib/features/chat/journal.ts'
import { DexieChatStore } from '#lib/features/chat/store.ts'
import { messageIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'
import { signerOf } from '../../../fixtures/signers.ts'
import { noFiles } from '../../../fixtures/no-files.ts'

const ME = (await signerOf(1)).peer
const PEERS = [(await signerOf(2)).peer, (await signerOf(3)).peer] as const

/** What the list tells, worked out anew from the messages alone. */
async function recomputed(db: StarlingDatabase, peer: PeerIdString) {
  const messages = (await db.messages.toArray())
    .filter(({ conversation }) => conversation === peer)
    .sort((a, b) => a.clock - b.clock || (a.id < b.id ? -1 : 1))
  return {
    last: messages.at(-1)?.id ?? null,
    unread: messages.filter(({ unread }) => unread === 1).length,
  }
}

const peer = fc.constantFrom(...PEERS)
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('send' as const), peer }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('receive' as const),
      peer,
      // Of a chain that ended, messages come in before others that were shown.
      clocks: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('read' as const), peer, at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('forget' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('flag' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('drop' as const), peer }) },
)
const step = fc.record({ operation, failsAtWrite: fc.option(fc.integer({ min: 1, max: 6 })) })

test('what a conversation tells about its messages never disagrees with them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const db = memoryDatabase()
      const chat = new DexieChatStore(db, ME, () => true)
      const clock = new ManualClock()
      const store = new DexieDeliveryStore(db, new ChatJournal(db, ME, clock, noFiles), clock)
      const random = seededRandom(1)
      let writes = Infinity
      const fail = (): void => {
        if ((writes -= 1) <= 0) throw new Error('the write fails')
      }
      for (const table of [db.messages, db.conversations, db.chains]) {
        table.hook('creating', fail)
        table.hook('updating', fail)
        table.hook('deleting', fail)
      }
      const standing = new Map(
        PEERS.map((each) => {
          const theirs = { ...freshChains(each, random).mine, clock: 0 }
          return [each, { ...freshChains(each, random), theirs }]
        }),
      )
      for (const each of standing.values()) await store.putChains(each)
      let made = 0
      const message = (of: PeerIdString, mine: boolean, clock: number): Delivered => {
        const id = messageIdOf(random.bytes(32))
        const payload = payloadCodec.encode({ type: 'text', text: `message ${(made += 1)}` })
        const { chain } = standing.get(of)![mine ? 'mine' : 'theirs']
        return {
          ...{ id, peer: of, mine, chain, sequence: made, clock },
          ...{ sentAtMs: made, receivedAtMs: made, payload },
        }
      }
      for (const { operation, failsAtWrite } of steps) {
        writes = failsAtWrite ?? Infinity
        const { peer } = operation
        const chains = standing.get(peer)!
        const work = async (): Promise<unknown> => {
          switch (operation.type) {
            case 'send': {
              const sent = message(peer, true, made + 1)
              const { id, chain, sequence } = sent
              const sealed = new Uint8Array()
              const outgoing = {
                ...{ peer, chain, sequence, id, intent: id, envelope: sealed, sealed },
                receipts: [],
              }
              return store.putSent(chains, outgoing, sent, null)
            }
            case 'receive': {
              const received = operation.clocks.map((clock) => message(peer, false, clock))
              return store.putReceived(chains, received, [], null)
            }
            case 'read': {
              const all = await db.messages.where('conversation').equals(peer).toArray()
              const upTo = all[operation.at % Math.max(1, all.length)]
              return upTo && store.markRead(peer, upTo.id)
            }
            case 'forget':
              return store.forget(chains)
            case 'flag':
              return chat.update(peer, { pinned: true })
            case 'drop':
              return chat.dropEmpty(peer)
          }
        }
        await work().catch((error: unknown) => {
          if (writes > 0) throw error
        })
        writes = Infinity
        for (const each of PEERS) {
          const row = await db.conversations.get(each)
          const told = { last: row?.last?.id ?? null, unread: row?.unread ?? 0 }
          expect(told).toEqual(await recomputed(db, each))
        }
      }
      await db.delete()
    }),
    { numRuns: 100 },
  )
}, 60_000)

test('what comes of messages that were read is written in one transaction', async () => {
  const db = memoryDatabase()
  const clock = new ManualClock()
  const random = seededRandom(2)
  const store = new DexieDeliveryStore(db, new ChatJournal(db, ME, clock, noFiles), clock)
  const [peer] = PEERS
  const { mine, ...chains } = freshChains(peer, random)
  const { chain } = mine
  for (const sequence of [1, 2, 3]) {
    const id = messageIdOf(random.bytes(32))
    const at = { peer, chain, sequence, id }
    const payload = payloadCodec.encode({
      type: 'text',
      text: 'fleeting',
      disappearAfterMs: 3_600_000,
    })
    const links = { previous: sequence === 1 ? null : id, parent: null }
    const envelope = encodeEnvelope({
      chain,
      sequence,
      ...links,
      clock: sequence,
      sentAtMs: 0,
      payload,
    })
    const message = { ...at, mine: true, clock: sequence, sentAtMs: 0, receivedAtMs: 0, payload }
    const outgoing = { ...at, intent: id, envelope, sealed: envelope, receipts: [] }
    await store.putSent({ ...chains, mine: { ...mine, sequence } }, outgoing, message, null)
  }
  let transactions = 0
  db.use({
    stack: 'dbcore',
    name: 'count',
    create: (core) => ({
      ...core,
      transaction: (...request) => {
        transactions += 1
        return core.transaction(...request)
      },
    }),
  })
  db.close()
  await db.open()

  await store.putChains({ ...chains, mine: { ...mine, sequence: 3, received: 3, read: 3 } })
  expect(transactions).toBe(1)
  expect(await db.outbox.filter(({ sealed }) => sealed !== null).count()).toBe(0)
})
