/** What browsers and relays say about mailboxes is still read, and made the same, byte for byte. */
import { expect, test } from 'vitest'
import { signerWith } from '#lib/crypto/mailbox-keys.ts'
import { codec, type Codec } from '#lib/protocol/codec.ts'
import * as mailbox from '#lib/protocol/mailbox.ts'
import { grantsOf, MAX_PLACE_BYTES, placeSchema } from '#lib/protocol/place.ts'
import type { Signed, Signer } from '#lib/protocol/signed.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'

const SECOND = Date.UTC(2026, 0, 1) / 1000
const owner = await signerOf(1)
const relay = await signerOf(2)
const vectors = { ...frozenBytes('mailbox-1'), ...frozenBytes('mailbox-2') }
const filled = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value)

const item = Uint8Array.from({ length: 300 }, (_, at) => at % 256)
const SECRET = filled(32, 6)
const sender = signerWith(SECRET)
const pass = vectors['pass']!
const work = { type: 'work' as const, nonce: filled(8, 3) }
const prekeys = { bundle: filled(40, 1), oneTime: [filled(20, 2), filled(20, 3)] }

function expectSame<T>(name: string, codec: Codec<T>, value: T): void {
  expect(codec.encode(value), name).toEqual(vectors[name])
  expect(codec.decode(vectors[name]!), name).toEqual(value)
}

async function expectSigned<T>(
  name: string,
  kind: Signed<T>,
  value: T,
  signer: Signer,
): Promise<void> {
  expect(await kind.seal(value, signer), name).toEqual(vectors[name])
  expect(await kind.open(vectors[name]!), name).toEqual(value)
}

test('passes and receipts', async () => {
  const named = [owner.publicKey, filled(16, 5), sender.publicKey, SECOND] as const
  await expectSigned('pass', mailbox.passes, [...named], owner)
  const id = mailbox.itemId(item)
  await expectSigned(
    'receipt',
    mailbox.receipts,
    [relay.publicKey, owner.publicKey, id, SECOND, SECOND + 30 * 86_400],
    relay,
  )
})

const operations: [string, mailbox.MailboxOperation][] = [
  ['list', { type: 'list', after: 7 }],
  ['fetch', { type: 'fetch', numbers: [8, 300] }],
  ['remove', { type: 'remove', numbers: [8] }],
  ['publish', { type: 'publish', hash: filled(32, 6) }],
  ['wake', { type: 'wake', endpoint: 'https://push.example.org/1' }],
  ['sleep', { type: 'wake', endpoint: null }],
]

test.each(operations)('the owner’s request to %s', async (name, operation) => {
  await expectSigned(
    `request ${name}`,
    mailbox.ownerRequests,
    [relay.publicKey, owner.publicKey, operation, SECOND],
    owner,
  )
})

test('what is sent to a relay', () => {
  const right = { type: 'pass' as const, pass, proof: vectors['proof']! }
  expectSame('put with a pass', mailbox.putCodec, [right, owner.publicKey, item])
  expectSame('put with work', mailbox.putCodec, [work, owner.publicKey, item])
  expectSame('take', mailbox.takeCodec, [work, owner.publicKey, SECOND])
  expectSame('prekeys', mailbox.prekeysCodec, prekeys)
  const request = vectors['request publish']!
  expectSame('publish', mailbox.publishCodec, [request, vectors['prekeys']!])
})

test('what a relay answers', () => {
  const info = { relay: relay.publicKey, second: SECOND, store: filled(16, 4), workBits: 18 }
  expectSame('info', mailbox.infoCodec, { ...info, wakeKey: filled(65, 4) })
  expectSame('info of one that wakes nobody', mailbox.infoCodec, { ...info, wakeKey: null })
  const entry = { number: 8, id: mailbox.itemId(item), byteLength: 300 }
  expectSame('page', mailbox.pageCodec, {
    entries: [
      { ...entry, sender: [filled(16, 5), vectors['proof']!] },
      { ...entry, number: 300, sender: null },
    ],
    oneTimeLeft: 50,
  })
  expectSame('empty page', mailbox.pageCodec, { entries: [], oneTimeLeft: null })
  expectSame('items', mailbox.itemsCodec, [
    [8, item],
    [300, filled(2, 1)],
  ])
  expectSame('taken', mailbox.takenCodec, [prekeys.bundle, prekeys.oneTime[0]!])
  expectSame('taken when none is left', mailbox.takenCodec, [prekeys.bundle, null])
  expectSame('refusal', mailbox.refusalCodec, { reason: 'not-allowed', quota: null })
  expectSame('refusal of one that is full', mailbox.refusalCodec, {
    reason: 'full',
    quota: 'sender',
  })
})

test('the proof of a sender, who has the key in the pass', async () => {
  const id = mailbox.itemId(item)
  expect(await mailbox.prove(owner.publicKey, id, sender)).toEqual(vectors['proof'])
  await mailbox.requireProof(owner.publicKey, id, sender.publicKey, vectors['proof']!)
})

test('an item’s id, and what work is shown for', () => {
  expect(mailbox.itemId(item)).toEqual(vectors['item id'])
  expect(mailbox.takeSubject(SECOND)).toEqual(vectors['subject of taking'])
})

test('where somebody can be written to', () => {
  expectSame('place', codec(placeSchema, MAX_PLACE_BYTES), {
    relays: [
      { key: relay.publicKey, address: 'relay.example.org' },
      { key: owner.publicKey, address: '/dns4/other.example/tcp/443/tls/ws' },
    ],
    passes: [
      [pass, SECRET],
      [pass, SECRET],
    ],
  })
})

test('passes of an earlier version are still read, and not used', () => {
  const place = codec(placeSchema, MAX_PLACE_BYTES).decode(frozenBytes('mailbox-1')['place']!)
  expect(place.passes).toHaveLength(2)
  expect(grantsOf(place)).toEqual([])
})
