import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSecrets, openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import {
  endOfEpoch,
  epochOf,
  introductionMailbox,
  openWithCard,
  sealForCard,
} from '#lib/crypto/mailbox-keys.ts'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { passes } from '#lib/protocol/mailbox.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'

const random = seededRandom(3)
const anna = await openIdentity(createSecrets(random))
const ben = await openIdentity(createSecrets(random))

test('whoever has the card finds the mailbox that its owner alone signs for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(100_000), fc.uint8Array({ maxLength: 200 }), async (epoch, body) => {
      const signer = anna.introductionMailbox(epoch)
      expect(introductionMailbox(anna, epoch)).toEqual(signer.publicKey)
      const signature = await signer.sign('test', body)
      const signed = new Uint8Array([...new TextEncoder().encode('test\0'), ...body])
      const verifies = publicKeyFromRaw(Uint8Array.from(signer.publicKey)).verify(signed, signature)
      expect(await verifies).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('mailboxes of other epochs, of other people and of another card are others', () => {
  const keys = [
    introductionMailbox(anna, 7),
    introductionMailbox(anna, 8),
    introductionMailbox(ben, 7),
    introductionMailbox({ ...cardOf(anna), keyCommitment: ben.keyCommitment }, 7),
    anna.contactsMailbox(7).publicKey,
    anna.contactsMailbox(8).publicKey,
    anna.publicKey,
  ]
  expect(new Set(keys.map((key) => key.join())).size).toBe(keys.length)
})

test('a pass can be signed by either mailbox', async () => {
  for (const owner of [anna.contactsMailbox(7), anna.introductionMailbox(7)]) {
    const pass: Parameters<typeof passes.seal>[0] = [
      owner.publicKey,
      anna.senderName(7, ben.peer),
      ben.publicKey,
      Math.floor(endOfEpoch(7) / 1000),
    ]
    expect(await passes.open(await passes.seal(pass, owner))).toEqual(pass)
  }
})

test('a contact has another name in each epoch', () => {
  expect(anna.senderName(7, ben.peer)).toEqual(anna.senderName(7, ben.peer))
  expect(anna.senderName(8, ben.peer)).not.toEqual(anna.senderName(7, ben.peer))
  expect(anna.senderName(7, anna.peer)).not.toEqual(anna.senderName(7, ben.peer))
})

test('a contact has another key in each epoch, which is not to be told from their name', () => {
  const secret = anna.senderSecret(7, ben.peer)
  expect(anna.senderSecret(7, ben.peer)).toEqual(secret)
  const others = [
    anna.senderSecret(8, ben.peer),
    anna.senderSecret(7, anna.peer),
    ben.senderSecret(7, ben.peer),
  ]
  for (const other of others) expect(other).not.toEqual(secret)
  expect(secret.subarray(0, 16)).not.toEqual(anna.senderName(7, ben.peer))
})

test('what is sealed for a card opens with it, in its epoch', () => {
  const sealed = sealForCard(anna, 7, Uint8Array.of(1, 2, 3), random)
  expect(openWithCard(cardOf(anna), 7, sealed)).toEqual(Uint8Array.of(1, 2, 3))
  expect(() => openWithCard(anna, 8, sealed)).toThrow(CannotOpenError)
  expect(() => openWithCard(ben, 7, sealed)).toThrow(CannotOpenError)
  expect(() => openWithCard(anna, 7, sealed.subarray(0, 20))).toThrow(CannotOpenError)
})

test('a key off the curve has no mailbox', () => {
  const card = { ...cardOf(anna), publicKey: new Uint8Array(32).fill(0xff) }
  expect(() => introductionMailbox(card, 1)).toThrow(CannotOpenError)
})

test('an epoch ends when the next begins', () => {
  expect(epochOf(endOfEpoch(7) - 1)).toBe(7)
  expect(epochOf(endOfEpoch(7))).toBe(8)
})

test('mailboxes are found, and what lies in them opens, as in earlier versions', async () => {
  const vectors = frozenBytes('mailbox-keys-1')
  const carol = await openIdentity(
    secretsFrom(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)),
  )
  const said = Uint8Array.of(1, 2, 3)
  expect(carol.contactsMailbox(7).publicKey).toEqual(vectors['contacts'])
  expect(carol.senderName(7, carol.peer)).toEqual(vectors['sender'])
  expect(carol.senderSecret(7, carol.peer)).toEqual(frozenBytes('mailbox-2')['sender secret'])
  const introduction = carol.introductionMailbox(7)
  expect(introduction.publicKey).toEqual(vectors['introduction'])
  expect(await introduction.sign('starling-mailbox-pass-1', said)).toEqual(vectors['signature'])
  expect(sealForCard(carol, 7, said, seededRandom(8))).toEqual(vectors['sealed for the card'])
  expect(openWithCard(cardOf(carol), 7, vectors['sealed for the card']!)).toEqual(said)
  expect(carol.sealForMyself(said, seededRandom(8))).toEqual(vectors['sealed for myself'])
  expect(carol.openOfMyself(vectors['sealed for myself']!)).toEqual(said)
})

function cardOf({ publicKey, keyCommitment }: typeof anna) {
  return { publicKey, keyCommitment }
}
