/**
 * What passes between browsers and the mailboxes of relays. A mailbox is an Ed25519 key of its own: its public half is
 * the mailbox's id, and whoever has the secret half is its owner. Nothing here names a peer.
 *
 *     pass      its owner lets somebody put: list of mailbox, name for the sender (16 random bytes), second of expiry
 *     request   its owner lists or removes: list of relay, mailbox, operation, second
 *     receipt   the relay holds an item durably: list of relay, mailbox, item, seconds of storing and expiry
 *
 * Each is a signed object (signed.ts): pass and request by the mailbox's key, receipt by the relay's. Strangers without
 * a pass show work instead (`workFor`).
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { PUBLIC_KEY_BYTES } from './ids.ts'
import { bytesSchema } from './schemas.ts'
import { signed } from './signed.ts'

/** Longest item in bytes: the longest sealed message, and what tells it from others. */
export const MAX_ITEM_BYTES = 24 * 1024

/** An item is kept for 30 days (promises: delivery, 6). */
export const ITEM_LIFE_MS = 30 * 24 * 60 * 60 * 1000

/** Items of one page of a list, and numbers of one removal. */
export const MAX_PAGE_ITEMS = 64

/** A request is good this long before and after its time, by the relay's clock. */
export const REQUEST_LIFE_MS = 10 * 60 * 1000

/** Leading zero bits of the hash that shows work: a quarter of a million hashes, a second or two in a browser. */
export const WORK_BITS = 18

export const SENDER_BYTES = 16
export const WORK_BYTES = 8
const HASH_BYTES = 32

const keySchema = bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)
const hashSchema = bytesSchema(HASH_BYTES, HASH_BYTES)
const secondSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 1))
const numberSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** Mailbox, name of the sender, second of expiry. */
export const passes = signed({
  context: 'starling-mailbox-pass-1',
  schema: v.strictTuple([keySchema, bytesSchema(SENDER_BYTES, SENDER_BYTES), secondSchema]),
  maxBytes: 128,
  signedBy: ([mailbox]) => Uint8Array.from(mailbox),
})

const operationSchema = v.variant('type', [
  /** Items with a number above `after`. */
  v.strictObject({ type: v.literal('list'), after: numberSchema }),
  v.strictObject({
    type: v.literal('remove'),
    numbers: v.pipe(v.array(numberSchema), v.maxLength(MAX_PAGE_ITEMS)),
  }),
])

export type MailboxOperation = v.InferOutput<typeof operationSchema>

/** Key of the relay it is for, mailbox, operation, second. */
export const ownerRequests = signed({
  context: 'starling-mailbox-request-1',
  schema: v.strictTuple([keySchema, keySchema, operationSchema, secondSchema]),
  maxBytes: 1_024,
  signedBy: ([, mailbox]) => Uint8Array.from(mailbox),
})

/** Key of the relay, mailbox, item, seconds of storing and expiry. */
export const receipts = signed({
  context: 'starling-mailbox-receipt-1',
  schema: v.strictTuple([keySchema, keySchema, hashSchema, secondSchema, secondSchema]),
  maxBytes: 256,
  signedBy: ([relay]) => Uint8Array.from(relay),
})

/** The id of an item. */
export function itemId(bytes: Uint8Array): Uint8Array {
  return sha256(bytes)
}

/**
 * Whether this nonce (8 bytes) shows work for putting the item into the mailbox: SHA-256 of `starling-work-1`, mailbox,
 * item id and nonce begins with `WORK_BITS` zero bits (Back, Hashcash, 2002).
 */
export function showsWork(mailbox: Uint8Array, item: Uint8Array, nonce: Uint8Array): boolean {
  const hash = sha256(concatBytes(WORK_PREFIX, mailbox, item, nonce))
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) >>> (32 - WORK_BITS) === 0
}

/** Looks at `tries` nonces from `from` on; null when none of them shows work. */
export function workFor(
  mailbox: Uint8Array,
  item: Uint8Array,
  from: number,
  tries: number,
): Uint8Array | null {
  const nonce = new Uint8Array(WORK_BYTES)
  const view = new DataView(nonce.buffer)
  for (let each = from; each < from + tries; each++) {
    view.setBigUint64(0, BigInt(each))
    if (showsWork(mailbox, item, nonce)) return nonce
  }
  return null
}

const WORK_PREFIX = utf8ToBytes('starling-work-1')
