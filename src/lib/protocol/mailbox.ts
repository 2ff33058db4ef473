/**
 * What passes between browsers and the mailboxes of relays. A mailbox is an Ed25519 key of its own: its public half is
 * the mailbox's id, and whoever has the secret half is its owner. Nothing here names a peer.
 *
 * Signed objects (signed.ts), by the mailbox's key but for the last:
 *
 *     pass      lets somebody put: list of mailbox, name for the sender (16 random bytes), a key of theirs, second of
 *               expiry
 *     request   the owner's: list of relay, mailbox, operation, second
 *     receipt   the relay holds an item durably: list of relay, mailbox, item, seconds of storing and expiry
 *
 * They travel over HTTP at the relay's origin, never over a libp2p connection, which would name the peer. Bodies are
 * canonical DAG-CBOR; no cookies, no headers that tell who asks.
 *
 *     GET  /api/mailbox         ─►  info
 *     POST /api/mailbox/put     [right to put, mailbox, item]              ─►  receipt
 *     POST /api/mailbox/take    [right to put, mailbox, second]            ─►  prekeys of its owner
 *     POST /api/mailbox/list    request {type: 'list'}                     ─►  page
 *     POST /api/mailbox/fetch   request {type: 'fetch'}                    ─►  items
 *     POST /api/mailbox/remove  request {type: 'remove'}                   ─►  nothing
 *     POST /api/mailbox/publish [request {type: 'publish'}, prekeys]       ─►  nothing
 *     POST /api/mailbox/wake    request {type: 'wake'}                     ─►  nothing
 *     POST /api/mailbox/point, /find                                       see signpost.ts
 *
 * Who has a pass proves for each item that its key is theirs (`prove`), so nobody else can put under their name, the
 * relays that see the pass included. Who has none shows work instead (`showsWork`). An answer other than 200 has a `refusal` for its body. Clocks of
 * browsers may be days off, so each request's second is by the relay's clock, which `info` tells.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { codec } from './codec.ts'
import { PUBLIC_KEY_BYTES } from './ids.ts'
import { bytesSchema } from './schemas.ts'
import { requireSignature, SIGNATURE_BYTES, signed, type Signer } from './signed.ts'

/** Where the operations are, on the relay's own origin. */
export const MAILBOX_PATH = '/api/mailbox'

/** Longest item in bytes: the longest sealed message, and what tells it from others. */
export const MAX_ITEM_BYTES = 24 * 1024

/** An item is kept for 30 days (promises: delivery, 6). */
export const ITEM_LIFE_MS = 30 * 24 * 60 * 60 * 1000

/** Items of one page of a list, and numbers of one fetch or removal. */
export const MAX_PAGE_ITEMS = 64

/** Items of one fetch have no more bytes than this together; the rest is asked for again. */
export const MAX_FETCH_BYTES = 512 * 1024

/** A request is good this long before and after its time, by the relay's clock. */
export const REQUEST_LIFE_MS = 10 * 60 * 1000

/** A pass ends at the latest this long after it is shown, so that a relay need not believe in for ever. */
export const MAX_PASS_LIFE_MS = 400 * 24 * 60 * 60 * 1000

/**
 * Leading zero bits of the hash that shows work, as a relay asks for them by itself: a quarter of a million hashes on
 * average, some 1.2 s of processor time in JavaScript (Node 24, one core of a server).
 */
export const WORK_BITS = 18

/** No browser shows more work than this for any relay: 16 times as much. */
export const MAX_WORK_BITS = 22

/** Longest sealed bundle, and one-time prekeys kept beside it: each as long at most as `MAX_ONE_TIME_BYTES`. */
export const MAX_SEALED_BUNDLE_BYTES = 12 * 1024
export const MAX_ONE_TIME_BYTES = 1_400
export const MAX_ONE_TIME_PREKEYS = 50

/** Longest address that a wake-up is sent to, in characters. */
export const MAX_ENDPOINT_CHARS = 1_024

export const SENDER_BYTES = 16
export const STORE_BYTES = 16
export const WORK_BYTES = 8
const HASH_BYTES = 32

/** What lists, lengths and signatures add around the values of a body. */
const FRAMING_BYTES = 512

const keySchema = bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)
const hashSchema = bytesSchema(HASH_BYTES, HASH_BYTES)
const senderSchema = bytesSchema(SENDER_BYTES, SENDER_BYTES)
const secondSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 1))
const numberSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const numbersSchema = v.pipe(v.array(numberSchema), v.maxLength(MAX_PAGE_ITEMS))

const MAX_PASS_BODY_BYTES = 128
const MAX_PASS_BYTES = MAX_PASS_BODY_BYTES + SIGNATURE_BYTES + 16

/** Mailbox, name of the sender, Ed25519 key that the sender proves to have, second of expiry. */
export const passes = signed({
  context: 'starling-mailbox-pass-2',
  schema: v.strictTuple([keySchema, senderSchema, keySchema, secondSchema]),
  maxBytes: MAX_PASS_BODY_BYTES,
  signedBy: ([mailbox]) => Uint8Array.from(mailbox),
})

/** A pass, sealed. */
export const passBytesSchema = bytesSchema(MAX_PASS_BYTES)

/** The secret half of the key in a pass (RFC 8032, 5.1.5). */
const PASS_SECRET_BYTES = 32

/** What a contact is given: a pass, and the secret half of the key it names. */
export const grantSchema = v.strictTuple([
  passBytesSchema,
  bytesSchema(PASS_SECRET_BYTES, PASS_SECRET_BYTES),
])

export type Grant = v.InferOutput<typeof grantSchema>

const proofSchema = bytesSchema(SIGNATURE_BYTES, SIGNATURE_BYTES)

const operationSchema = v.variant('type', [
  /** Items with a number above `after`. */
  v.strictObject({ type: v.literal('list'), after: numberSchema }),
  v.strictObject({ type: v.literal('fetch'), numbers: numbersSchema }),
  v.strictObject({ type: v.literal('remove'), numbers: numbersSchema }),
  /** SHA-256 of the prekeys' bytes, which stand beside the request. */
  v.strictObject({ type: v.literal('publish'), hash: hashSchema }),
  /** A push endpoint (RFC 8030) to be woken at when something comes; null for no longer. */
  v.strictObject({
    type: v.literal('wake'),
    endpoint: v.nullable(v.pipe(v.string(), v.maxLength(MAX_ENDPOINT_CHARS))),
  }),
])

export type MailboxOperation = v.InferOutput<typeof operationSchema>

const MAX_REQUEST_BODY_BYTES = 2_048
const MAX_REQUEST_BYTES = MAX_REQUEST_BODY_BYTES + SIGNATURE_BYTES + 16

/** Key of the relay it is for, mailbox, operation, second. */
export const ownerRequests = signed({
  context: 'starling-mailbox-request-1',
  schema: v.strictTuple([keySchema, keySchema, operationSchema, secondSchema]),
  maxBytes: MAX_REQUEST_BODY_BYTES,
  signedBy: ([, mailbox]) => Uint8Array.from(mailbox),
})

/** Key of the relay, mailbox, item, seconds of storing and expiry. */
export const receipts = signed({
  context: 'starling-mailbox-receipt-1',
  schema: v.strictTuple([keySchema, keySchema, hashSchema, secondSchema, secondSchema]),
  maxBytes: 256,
  signedBy: ([relay]) => Uint8Array.from(relay),
})

const rightSchema = v.variant('type', [
  v.strictObject({ type: v.literal('pass'), pass: passBytesSchema, proof: proofSchema }),
  v.strictObject({ type: v.literal('work'), nonce: bytesSchema(WORK_BYTES, WORK_BYTES) }),
])

/** Why somebody may put into a mailbox. */
export type Right = v.InferOutput<typeof rightSchema>

/** Right, mailbox, item. */
export const putCodec = codec(
  v.strictTuple([rightSchema, keySchema, bytesSchema(MAX_ITEM_BYTES, 1)]),
  MAX_ITEM_BYTES + FRAMING_BYTES,
)

/** Right, mailbox, second. Work is shown for `takeSubject` of the second. */
export const takeCodec = codec(v.strictTuple([rightSchema, keySchema, secondSchema]), FRAMING_BYTES)

/** What the owner of a mailbox has others write to it with, sealed: a relay reads none of it. */
const prekeysSchema = v.strictObject({
  bundle: bytesSchema(MAX_SEALED_BUNDLE_BYTES, 1),
  oneTime: v.pipe(v.array(bytesSchema(MAX_ONE_TIME_BYTES, 1)), v.maxLength(MAX_ONE_TIME_PREKEYS)),
})

export type SealedPrekeys = v.InferOutput<typeof prekeysSchema>

const MAX_PREKEYS_BYTES =
  MAX_SEALED_BUNDLE_BYTES + MAX_ONE_TIME_PREKEYS * (MAX_ONE_TIME_BYTES + 4) + FRAMING_BYTES

/** They replace those published before. */
export const prekeysCodec = codec<SealedPrekeys>(prekeysSchema, MAX_PREKEYS_BYTES)

/** Request, and the bytes its hash is of. */
export const publishCodec = codec(
  v.strictTuple([bytesSchema(MAX_REQUEST_BYTES), bytesSchema(MAX_PREKEYS_BYTES)]),
  MAX_PREKEYS_BYTES + MAX_REQUEST_BYTES + FRAMING_BYTES,
)

/** The bundle, and one one-time prekey, which nobody is given again; null when none is left. */
export const takenCodec = codec(
  v.strictTuple([
    bytesSchema(MAX_SEALED_BUNDLE_BYTES, 1),
    v.nullable(bytesSchema(MAX_ONE_TIME_BYTES, 1)),
  ]),
  MAX_SEALED_BUNDLE_BYTES + MAX_ONE_TIME_BYTES + FRAMING_BYTES,
)

const infoSchema = v.strictObject({
  /** The relay's public key. */
  relay: keySchema,
  /** Its clock. */
  second: secondSchema,
  /** Relays that keep mailboxes together tell the same. */
  store: bytesSchema(STORE_BYTES, STORE_BYTES),
  /** Zero bits that show work here. */
  workBits: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_WORK_BITS)),
  /** Public key for wake-ups (RFC 8292), uncompressed point; null when it sends none. */
  wakeKey: v.nullable(bytesSchema(65, 65)),
})

export type MailboxInfo = v.InferOutput<typeof infoSchema>

export const infoCodec = codec<MailboxInfo>(infoSchema, FRAMING_BYTES)

const pageSchema = v.strictObject({
  entries: v.pipe(
    v.array(
      v.strictObject({
        /** Grows with each item of the mailbox. */
        number: numberSchema,
        id: hashSchema,
        byteLength: numberSchema,
        /** The name on the pass it was put with, and the proof for it; null when it was put with work. */
        sender: v.nullable(v.strictTuple([senderSchema, proofSchema])),
      }),
    ),
    v.maxLength(MAX_PAGE_ITEMS),
  ),
  /** One-time prekeys left, and whether there is a bundle; null when none was published. */
  oneTimeLeft: v.nullable(numberSchema),
})

export type MailboxPage = v.InferOutput<typeof pageSchema>

export const pageCodec = codec<MailboxPage>(pageSchema, MAX_PAGE_ITEMS * 192 + FRAMING_BYTES)

/** Those of the wanted items that are there, in the order they were asked for. */
export const itemsCodec = codec(
  v.pipe(
    v.array(v.strictTuple([numberSchema, bytesSchema(MAX_ITEM_BYTES, 1)])),
    v.maxLength(MAX_PAGE_ITEMS),
  ),
  MAX_FETCH_BYTES + MAX_PAGE_ITEMS * 16 + FRAMING_BYTES,
)

const refusalSchema = v.strictObject({
  /**
   * `malformed`: not as described here; `not-allowed`: signature, pass, work, time or relay are wrong; `too-many`: later
   * again; `full`: a quota is used up, see `quota`; `nothing`: no prekeys were published, no signpost was found; `failed`:
   * the relay cannot now.
   */
  reason: v.picklist(['malformed', 'not-allowed', 'too-many', 'full', 'nothing', 'failed']),
  quota: v.nullable(v.picklist(['mailbox', 'sender', 'relay'])),
})

export type Refusal = v.InferOutput<typeof refusalSchema>

export const refusalCodec = codec<Refusal>(refusalSchema, FRAMING_BYTES)

/** The id of an item. */
export function itemId(bytes: Uint8Array): Uint8Array {
  return sha256(bytes)
}

/** Signs for putting this into a mailbox. @param subject id of the item, or `takeSubject` @param sender has the key in the pass */
export function prove(
  mailbox: Uint8Array,
  subject: Uint8Array,
  sender: Signer,
): Promise<Uint8Array> {
  return sender.sign(PROOF_CONTEXT, concatBytes(mailbox, subject))
}

/** @param key in the pass @throws InvalidSignatureError */
export function requireProof(
  mailbox: Uint8Array,
  subject: Uint8Array,
  key: Uint8Array,
  proof: Uint8Array,
): Promise<void> {
  return requireSignature(key, PROOF_CONTEXT, concatBytes(mailbox, subject), proof)
}

/** What the work for taking prekeys is shown for, and the proof, in place of an item. */
export function takeSubject(second: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(second))
  return sha256(concatBytes(TAKE_PREFIX, bytes))
}

/**
 * Whether this nonce (8 bytes) shows work for putting the item into the mailbox: SHA-256 of `starling-work-1`, mailbox,
 * item id and nonce begins with so many zero bits (Back, Hashcash, 2002).
 */
export function showsWork(
  mailbox: Uint8Array,
  item: Uint8Array,
  nonce: Uint8Array,
  bits: number,
): boolean {
  const hash = sha256(concatBytes(WORK_PREFIX, mailbox, item, nonce))
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) < 2 ** (32 - bits)
}

/** Looks at `tries` nonces from `from` on; null when none of them shows work. */
export function workFor(
  mailbox: Uint8Array,
  item: Uint8Array,
  bits: number,
  from: number,
  tries: number,
): Uint8Array | null {
  const nonce = new Uint8Array(WORK_BYTES)
  const view = new DataView(nonce.buffer)
  for (let each = from; each < from + tries; each++) {
    view.setBigUint64(0, BigInt(each))
    if (showsWork(mailbox, item, nonce, bits)) return nonce
  }
  return null
}

const PROOF_CONTEXT = 'starling-mailbox-put-1'
const WORK_PREFIX = utf8ToBytes('starling-work-1')
const TAKE_PREFIX = utf8ToBytes('starling-take-1')
