/**
 * A card is how a person is passed on: id, name, key commitment and where to look first, signed by its owner. It
 * travels in links and QR codes as the fragment `#/c/<base64url>`, and in every hello (protocol.ts).
 *
 * Bytes: the version (1), then a signed object (protocol/signed.ts) whose body is the list of public key,
 * name, key commitment, relay hosts and the second of expiry or null. The version stands in the signature's
 * context, so it cannot be exchanged.
 */
import { base64url } from 'multiformats/bases/base64'
import * as v from 'valibot'
import {
  InvalidDataError,
  InvalidSignatureError,
  LimitExceededError,
} from '../../protocol/errors.ts'
import { peerIdOf, PUBLIC_KEY_BYTES, publicKeyOf, type PeerIdString } from '../../protocol/ids.ts'
import { cleanName, isValidName, MAX_NAME_BYTES, shortenName } from '../../protocol/names.ts'
import { bytesSchema, relayHostSchema } from '../../protocol/schemas.ts'
import { signed, type Signer } from '../../protocol/signed.ts'
import {
  ExpiredCodeError,
  MalformedCodeError,
  NewerCodeError,
  TamperedCodeError,
} from './errors.ts'

/** Where a card begins in a link. */
export const CARD_FRAGMENT = '#/c/'

/** Longest fragment in characters: a QR code of it is read from arm's length by any phone. */
export const MAX_FRAGMENT_CHARS = 400

/** Longest card in bytes: what fills the fragment in base64url, four characters for three bytes. */
export const MAX_CARD_BYTES = Math.floor(((MAX_FRAGMENT_CHARS - CARD_FRAGMENT.length) * 3) / 4)

/** Relay hosts in a card: as many as a browser holds reservations at. */
export const MAX_CARD_RELAYS = 3

/** A key commitment is a SHA-256. */
export const KEY_COMMITMENT_BYTES = 32

const VERSION = 1

/** A first byte beyond this was never a version: what holds it is no card, rather than one from the future. */
const LAST_VERSION = 31

/** List header 1, two byte-string headers of 2, signature 64. */
const SIGNATURE_OVERHEAD_BYTES = 69

/** Longest body, so that version, body and signature fill a card. */
const MAX_BODY_BYTES = MAX_CARD_BYTES - 1 - SIGNATURE_OVERHEAD_BYTES

export interface Card {
  peer: PeerIdString
  name: string
  /** SHA-256 of the ML-DSA-65 public key. */
  keyCommitment: Uint8Array
  /** Hosts (`host[:port]`) of relays, the likeliest first. */
  relays: string[]
  /** In whole seconds; null: never. */
  expiresAtMs: number | null
}

const bodies = signed({
  context: `starling-card-${VERSION}`,
  schema: v.strictTuple([
    bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES),
    v.pipe(v.string(), v.minLength(1), v.maxBytes(MAX_NAME_BYTES)),
    bytesSchema(KEY_COMMITMENT_BYTES, KEY_COMMITMENT_BYTES),
    v.pipe(
      v.array(v.pipe(relayHostSchema, v.maxLength(MAX_BODY_BYTES))),
      v.maxLength(MAX_CARD_RELAYS),
    ),
    v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 1))),
  ]),
  maxBytes: MAX_BODY_BYTES,
  // A copy: libp2p's verifier takes the whole buffer a view lies in.
  signedBy: ([publicKey]) => Uint8Array.from(publicKey),
})

/**
 * My card, with as many of its relays as fit, in their order.
 * @throws InvalidDataError when the name is not valid or the signer somebody else.
 */
export async function sealCard(card: Card, signer: Signer): Promise<Uint8Array<ArrayBuffer>> {
  if (card.name !== cleanName(card.name) || !isValidName(card.name)) {
    throw new InvalidDataError('not a name')
  }
  const usable = card.relays.filter((host) => v.is(relayHostSchema, host)).slice(0, MAX_CARD_RELAYS)
  for (;;) {
    try {
      const body = await bodies.seal(
        [
          publicKeyOf(card.peer),
          card.name,
          card.keyCommitment,
          usable,
          card.expiresAtMs === null ? null : Math.floor(card.expiresAtMs / 1000),
        ],
        signer,
      )
      return Uint8Array.of(VERSION, ...body)
    } catch (error) {
      if (!(error instanceof LimitExceededError) || usable.length === 0) throw error
      usable.pop()
    }
  }
}

/** @throws MalformedCodeError, NewerCodeError, TamperedCodeError, ExpiredCodeError */
export async function openCard(bytes: Uint8Array, nowMs: number): Promise<Card> {
  const [version = 0] = bytes
  if (version === 0 || version > LAST_VERSION) throw new MalformedCodeError('not a card')
  if (version > VERSION) throw new NewerCodeError(`a card of version ${version}`)
  if (bytes.byteLength > MAX_CARD_BYTES) throw new MalformedCodeError('longer than a card')
  const [publicKey, text, keyCommitment, relays, expiresAtSeconds] = await openBody(bytes)
  // Cleaned rather than refused: another browser may know other characters.
  const name = shortenName(cleanName(text))
  if (name === '') throw new MalformedCodeError('a card without a name')
  const expiresAtMs = expiresAtSeconds === null ? null : expiresAtSeconds * 1000
  if (expiresAtMs !== null && nowMs >= expiresAtMs) {
    throw new ExpiredCodeError(`expired ${nowMs - expiresAtMs} ms ago`)
  }
  return { peer: peerIdOf(publicKey), name, keyCommitment, relays, expiresAtMs }
}

/** The link fragment of a card, `#/c/…`. */
export function cardFragment(card: Uint8Array): string {
  return CARD_FRAGMENT + base64url.encode(card).slice(1)
}

/** The bytes of a card's base64url. @throws MalformedCodeError */
export function decodeCardText(text: string): Uint8Array {
  if (text.length > MAX_FRAGMENT_CHARS) throw new MalformedCodeError('longer than a card')
  try {
    const bytes = base64url.decode(`u${text}`)
    if (base64url.encode(bytes) === `u${text}`) return bytes
  } catch (cause) {
    throw new MalformedCodeError('not base64url', { cause })
  }
  throw new MalformedCodeError('not the one spelling of these bytes')
}

async function openBody(bytes: Uint8Array) {
  try {
    return await bodies.open(bytes.subarray(1))
  } catch (cause) {
    if (cause instanceof InvalidDataError || cause instanceof LimitExceededError) {
      throw new MalformedCodeError('not a card', { cause })
    }
    if (cause instanceof InvalidSignatureError) {
      throw new TamperedCodeError('the signature does not fit', { cause })
    }
    // Some verifiers throw at bytes that are no point of the curve.
    throw new TamperedCodeError('not a key', { cause })
  }
}
