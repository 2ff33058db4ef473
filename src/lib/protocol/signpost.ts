/**
 * A signpost says at which relays an introduction mailbox is (crypto/mailbox-keys.ts), for those who have its owner's
 * card and know no relay of theirs that answers. It is a record of the relays' DHT under the mailbox's id, signed by the
 * mailbox's key; what it says is sealed with a key that the card gives. So the DHT learns neither whose it is nor where
 * it leads. The keys to write with are not in it: with ML-DSA-65 a bundle is longer than what a DHT should carry, and
 * a one-time prekey is given to one person alone. They lie at the relays it leads to.
 *
 *     POST /api/mailbox/point   signpost   ─►  nothing      the relay spreads it in the DHT
 *     POST /api/mailbox/find    [mailbox]  ─►  signpost     as the DHT has it
 */
import * as v from 'valibot'
import { toBase64url } from './base64url.ts'
import { codec, equalBytes } from './codec.ts'
import { InvalidDataError, StarlingError } from './errors.ts'
import { PUBLIC_KEY_BYTES } from './ids.ts'
import { PLACE_RELAYS } from './place.ts'
import { bytesSchema, MAX_ADDRESS_CHARS, timeMsSchema } from './schemas.ts'
import { requireFresh, SIGNATURE_BYTES, signed, type Signer } from './signed.ts'
import type { Clock } from './seams.ts'

/** Namespace of the DHT's keys, `/starling-signpost/<mailbox as base64url>`. */
export const SIGNPOST_NAMESPACE = 'starling-signpost'

/** How long a signpost holds, in ms: as long as the prekeys that it leads to. */
export const SIGNPOST_LIFE_MS = 30 * 24 * 60 * 60 * 1000

/** Clocks of relays differ by no more than this, ms: one is not refused for being of a time to come until then. */
const TOLERANCE_MS = 24 * 60 * 60 * 1000

/** Longest sealed text, in bytes: three addresses, padded and sealed. */
const MAX_SEALED_BYTES = 1_024 + 64

const MAX_BODY_BYTES = MAX_SEALED_BYTES + 128

/** Longest signpost in bytes. */
export const MAX_SIGNPOST_BYTES = MAX_BODY_BYTES + SIGNATURE_BYTES + 16

const keySchema = bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)

const schema = v.strictObject({
  mailbox: keySchema,
  /** `signpostRelays`, padded and sealed for the card. */
  sealed: bytesSchema(MAX_SEALED_BYTES, 1),
  /** When it was made, ms since 1970, and more than in any before for this mailbox. */
  sequence: timeMsSchema,
  expiresAtMs: timeMsSchema,
})

export type Signpost = v.InferOutput<typeof schema>

const signposts = signed<Signpost>({
  context: 'starling-signpost-1',
  schema,
  maxBytes: MAX_BODY_BYTES,
  signedBy: ({ mailbox }) => Uint8Array.from(mailbox),
})

/** Where to, before it is sealed: addresses of relays as cards name them. */
export const signpostRelays = codec(
  v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_ADDRESS_CHARS))), v.maxLength(PLACE_RELAYS)),
  1_000,
)

/** Body of `find`. */
export const findCodec = codec(v.strictTuple([keySchema]), 64)

/** @throws InvalidDataError, LimitExceededError */
export function sealSignpost(signpost: Signpost, owner: Signer): Promise<Uint8Array<ArrayBuffer>> {
  return signposts.seal(signpost, owner)
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError, ExpiredError */
export async function openSignpost(bytes: Uint8Array, nowMs: number): Promise<Signpost> {
  const signpost = await signposts.open(bytes)
  requireFresh(signpost.expiresAtMs, nowMs)
  if (signpost.expiresAtMs > nowMs + SIGNPOST_LIFE_MS + TOLERANCE_MS) {
    throw new InvalidDataError('lives longer than a signpost may')
  }
  // One of a time to come would stand before all that its owner puts up until then.
  if (signpost.sequence > nowMs + TOLERANCE_MS) throw new InvalidDataError('of a time to come')
  return signpost
}

/** The key in the DHT. */
export function signpostKey(mailbox: Uint8Array): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`/${SIGNPOST_NAMESPACE}/${toBase64url(mailbox)}`)
}

/** What a DHT server asks before it keeps a value under `/starling-signpost/…`. Throws like `openSignpost`. */
export function validateSignpost(
  clock: Pick<Clock, 'now'>,
): (key: Uint8Array, value: Uint8Array) => Promise<void> {
  return async (key, value) => {
    const { mailbox } = await openSignpost(value, clock.now())
    if (!equalBytes(signpostKey(mailbox), key)) throw new InvalidDataError('under a foreign key')
  }
}

/** Index of the newest of these (validated before), in the form @libp2p/kad-dht wants. */
export function selectSignpost(_key: Uint8Array, values: Uint8Array[]): number {
  const sequences = values.map((bytes) => peekSignpost(bytes)?.sequence ?? -1)
  return sequences.indexOf(Math.max(...sequences))
}

/** Without a look at its signature; null when the bytes are none. */
export function peekSignpost(bytes: Uint8Array): Signpost | null {
  try {
    return signposts.peek(bytes)
  } catch (error) {
    if (error instanceof StarlingError) return null
    throw error
  }
}
