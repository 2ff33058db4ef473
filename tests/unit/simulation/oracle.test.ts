import { beforeEach, expect, test } from 'vitest'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import {
  adoptChain,
  forgottenChains,
  freshChains,
  type Chains,
  type Delivered,
} from '#lib/delivery/chain.ts'
import { encodeEnvelope, messageId } from '#lib/delivery/envelope.ts'
import type { ChainId } from '#lib/protocol/ids.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { Disk, type DiskWatcher } from '../../simulation/disk.ts'
import { Oracle } from '../../simulation/oracle.ts'

const random = seededRandom(1)
const ANNA = (await openIdentity(createSecrets(random))).peer
const BEN = (await openIdentity(createSecrets(random))).peer

let oracle: Oracle
let anna: DiskWatcher
/** What Anna's device has. */
let disk: Disk
let clock: number

beforeEach(() => {
  oracle = new Oracle(
    [],
    () => true,
    () => undefined,
  )
  anna = oracle.watcherOf(ANNA)
  disk = new Disk(random.bytes(16))
  disk.of(BEN).chains = freshChains(BEN, random)
  clock = 0
})

/** Anna writes the next message of her chain. */
function says(text: string): Delivered {
  const conversation = disk.of(BEN)
  const before = conversation.chains!
  const { chain, head } = before.mine
  const sequence = before.mine.sequence + 1
  clock += 1
  const said = { chain, sequence, clock, sentAtMs: 0, payload: new TextEncoder().encode(text) }
  const envelope = encodeEnvelope({ ...said, previous: head, parent: null })
  const id = messageId(ANNA, BEN, envelope)
  const chains = { ...before, clock, mine: { ...before.mine, sequence, head: id } }
  const message = { ...said, id, peer: BEN, mine: true, receivedAtMs: 0 }
  conversation.chains = chains
  conversation.outbox.push({
    ...{ peer: BEN, chain, sequence, id, intent: text, envelope, sealed: null, receipts: [] },
  })
  conversation.messages.set(id, message)
  anna.sent(message, chains)
  return message
}

function forgets(): void {
  const conversation = disk.of(BEN)
  conversation.chains = forgottenChains(conversation.chains!, random)
  conversation.outbox = []
  conversation.messages.clear()
  anna.forgotten(conversation.chains)
}

/** Ben is shown these, having followed these chains of hers, one after another. */
function shows(chains: ChainId[], ...messages: Delivered[]): void {
  const followed = chains.reduce<Chains>(
    (before, chain) => adoptChain(before, chain, true),
    freshChains(ANNA, random),
  )
  const theirs = messages.map((each) => ({ ...each, peer: ANNA, mine: false }))
  oracle.watcherOf(BEN).received(theirs, followed)
}

/** Anna deletes both messages of a chain, and has the first again with a backup that is restored. */
function deletesAndRestores(): { effect: Delivered; next: Delivered; restored: ChainId } {
  says('cause')
  const [seen, backup] = [oracle.seenBy(ANNA), disk.backup()]
  const effect = says('effect')
  forgets()
  const next = says('next')
  disk = backup.restored(ANNA, 0, random)
  oracle.restored(ANNA, seen, backup, disk)
  return { effect, next, restored: disk.of(BEN).chains!.mine.chain }
}

test('what waited for what its writer deleted may be shown, though a backup brings that back', () => {
  const { effect, next } = deletesAndRestores()
  shows([effect.chain, next.chain], effect, next)
  expect(oracle.violations).toEqual([])
})

test('who was not told of the deletion is shown no effect before what a backup brings back', () => {
  const { effect, restored } = deletesAndRestores()
  shows([effect.chain, restored], effect)
  expect(oracle.violations).toEqual(['effect is shown before its cause'])
})

test('what is said on a restored backup is not shown before what it brought back', () => {
  const { effect, next, restored } = deletesAndRestores()
  const later = says('later')
  shows([effect.chain, next.chain, restored], later)
  expect(oracle.violations).toEqual(['later is shown before its cause'])
})
