import { expect, test } from 'vitest'
import { InvalidDataError, InvalidSignatureError } from '#lib/protocol/errors.ts'
import {
  itemId,
  MAX_PAGE_ITEMS,
  ownerRequests,
  passes,
  receipts,
  showsWork,
  WORK_BITS,
  workFor,
} from '#lib/protocol/mailbox.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'

const random = seededRandom(1)
const mailbox = await signerOf(1)
const relay = await signerOf(2)
const NOW_S = 1_700_000_000

/** Where the first work for the item below is found. */
const WORK_FOUND_AT = 35125

test('a pass is of the mailbox’s owner', async () => {
  const pass: Parameters<typeof passes.seal>[0] = [
    ...([mailbox.publicKey, random.bytes(16), relay.publicKey, NOW_S] as const),
  ]
  const sealed = await passes.seal(pass, mailbox)
  expect(await passes.open(sealed)).toEqual(pass)
  await expect(passes.seal(pass, relay)).rejects.toThrow(InvalidDataError)
  const changed = sealed.map((byte, at) => (at === 50 ? byte ^ 1 : byte))
  await expect(passes.open(changed)).rejects.toThrow(InvalidSignatureError)
})

test.each([
  { type: 'list' as const, after: 7 },
  {
    type: 'remove' as const,
    numbers: Array.from({ length: MAX_PAGE_ITEMS }, (_, at) => Number.MAX_SAFE_INTEGER - at),
  },
])('an owner’s request to $type is for one relay', async (operation) => {
  const request = await ownerRequests.seal(
    [relay.publicKey, mailbox.publicKey, operation, NOW_S],
    mailbox,
  )
  const [to, of, asked] = await ownerRequests.open(request)
  expect([to, of]).toEqual([relay.publicKey, mailbox.publicKey])
  expect(asked).toEqual(operation)
})

test('a receipt is of the relay', async () => {
  const item = itemId(random.bytes(10))
  const receipt: Parameters<typeof receipts.seal>[0] = [
    relay.publicKey,
    mailbox.publicKey,
    item,
    NOW_S,
    NOW_S + 1,
  ]
  expect(await receipts.open(await receipts.seal(receipt, relay))).toEqual(receipt)
  await expect(receipts.seal(receipt, mailbox)).rejects.toThrow(InvalidDataError)
})

test('work is for one item in one mailbox', () => {
  const item = itemId(seededRandom(7).bytes(10))
  const nonce = workFor(mailbox.publicKey, item, WORK_BITS, WORK_FOUND_AT, 1)
  expect(nonce).not.toBeNull()
  expect(showsWork(mailbox.publicKey, item, nonce!, WORK_BITS)).toBe(true)
  expect(showsWork(relay.publicKey, item, nonce!, WORK_BITS)).toBe(false)
  expect(showsWork(mailbox.publicKey, itemId(nonce!), nonce!, WORK_BITS)).toBe(false)
  expect(workFor(mailbox.publicKey, item, WORK_BITS, 0, 1)).toBeNull()
  expect(showsWork(relay.publicKey, item, nonce!, 0)).toBe(true)
})
