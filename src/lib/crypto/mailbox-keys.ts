/**
 * The keys of a person's mailboxes. Each is an Ed25519 key for one epoch, and no relay can tell which person, or which
 * other mailbox, it belongs to. There are two a person:
 *
 *     contacts      made from the owner's secret; contacts learn it from their passes
 *     introduction  whoever has the owner's card can find it, to write first. Its key is the owner's identity key
 *                   blinded by a factor that only the card gives, so the owner alone can sign for it (Tor's rend-spec-v3,
 *                   appendix A.2: key blinding). Prekeys lie there, under a key that the card gives too
 *
 * An epoch is `EPOCH_MS` long, by the clock of the relay that is asked.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { SENDER_BYTES } from '../protocol/mailbox.ts'
import { publicKeyOf, type PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import { signedBytes, type Signer } from '../protocol/signed.ts'
import { CannotOpenError } from './errors.ts'

/** How long a mailbox is written to before the next takes its place. */
export const EPOCH_MS = 15 * 24 * 60 * 60 * 1000

const SEED_BYTES = 32
const NONCE_BYTES = 24
const TAG_BYTES = 16

/** What sealing for oneself or for a card adds, in bytes. */
export const SEALED_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES

/** As many bytes as make the remainder by the curve's order uniform (RFC 9380, 5: 512 bits are more than enough). */
const FACTOR_BYTES = 64

const CONTACTS_INFO = 'starling mailbox of contacts'
const SENDER_INFO = 'starling mailbox sender'
const SENDER_KEY_INFO = 'starling mailbox sender key'
const BLIND_INFO = 'starling introduction mailbox'
const PREKEYS_INFO = 'starling introduction prekeys'
const OWN_INFO = 'starling sealed for oneself'
const NONCE_INFO = utf8ToBytes('starling blinded nonce')

/** The epoch of a time. */
export function epochOf(timeMs: number): number {
  return Math.floor(timeMs / EPOCH_MS)
}

/** The epochs in which was left what still holds, the newest first. @param lifeMs how long it holds */
export function epochsWithin(lifeMs: number, nowMs: number): number[] {
  const newest = epochOf(nowMs)
  const count = newest - epochOf(nowMs - lifeMs) + 1
  return Array.from({ length: count }, (_, back) => newest - back)
}

/** When an epoch ends, in ms. */
export function endOfEpoch(epoch: number): number {
  return (epoch + 1) * EPOCH_MS
}

/** The owner of the mailbox for contacts in this epoch. @param seed of the identity, secret */
export function contactsMailbox(seed: Uint8Array, epoch: number): Signer {
  return signerWith(hkdf(sha256, seed, undefined, infoOf(CONTACTS_INFO, epoch), SEED_BYTES))
}

/** Whoever has this secret half of an Ed25519 key (RFC 8032, 5.1.5). */
export function signerWith(secret: Uint8Array): Signer {
  return {
    publicKey: Uint8Array.from(ed25519.getPublicKey(secret)),
    sign: (context, body) =>
      Promise.resolve(Uint8Array.from(ed25519.sign(signedBytes(context, body), secret))),
  }
}

/** What this contact is called on passes of this epoch: nobody but the owner can tell from it who it is. */
export function senderName(seed: Uint8Array, epoch: number, contact: PeerIdString): Uint8Array {
  const key = hkdf(sha256, seed, undefined, infoOf(SENDER_INFO, epoch), SEED_BYTES)
  return hmac(sha256, key, publicKeyOf(contact)).slice(0, SENDER_BYTES)
}

/** Secret half of the key in this contact's passes of this epoch, which its owner can make again. */
export function senderSecret(
  seed: Uint8Array,
  epoch: number,
  contact: PeerIdString,
): Uint8Array<ArrayBuffer> {
  const key = hkdf(sha256, seed, undefined, infoOf(SENDER_KEY_INFO, epoch), SEED_BYTES)
  return Uint8Array.from(hmac(sha256, key, publicKeyOf(contact)))
}

/** What a card says of its owner's keys. */
export interface CardKeys {
  /** Ed25519. */
  publicKey: Uint8Array
  keyCommitment: Uint8Array
}

/** The id of a person's introduction mailbox in this epoch. @throws CannotOpenError at a key off the curve */
export function introductionMailbox(card: CardKeys, epoch: number): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(
      ed25519.Point.fromBytes(card.publicKey).multiply(factorOf(card, epoch)).toBytes(),
    )
  } catch (cause) {
    throw new CannotOpenError('keys that nobody can have', { cause })
  }
}

/** The owner of an introduction mailbox. @param seed of the identity, secret */
export function introductionSigner(seed: Uint8Array, card: CardKeys, epoch: number): Signer {
  const { scalar, prefix } = ed25519.utils.getExtendedPublicKey(seed)
  const { Fn } = ed25519.Point
  const factor = factorOf(card, epoch)
  const secret = Fn.mul(factor, scalar)
  const publicKey = Uint8Array.from(ed25519.Point.BASE.multiply(secret).toBytes())
  const noncePrefix = sha512(concatBytes(NONCE_INFO, prefix, publicKey)).slice(0, SEED_BYTES)
  return {
    publicKey,
    // RFC 8032, 5.1.6, from the second step on: the scalar is there already.
    sign(context, body) {
      const message = signedBytes(context, body)
      const r = modOrder(sha512(concatBytes(noncePrefix, message)))
      const point = ed25519.Point.BASE.multiply(r).toBytes()
      const k = modOrder(sha512(concatBytes(point, publicKey, message)))
      const s = Fn.add(r, Fn.mul(k, secret))
      return Promise.resolve(Uint8Array.from(concatBytes(point, littleEndian(s))))
    },
  }
}

/** Seals what the owner alone can open. @param seed of the identity, secret */
export function sealForOwner(
  seed: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  return sealWith(ownKey(seed), plaintext, random)
}

/** @throws CannotOpenError */
export function openOfOwner(seed: Uint8Array, sealed: Uint8Array): Uint8Array {
  return openWith(ownKey(seed), sealed)
}

/** Seals prekeys for everybody who has the card. */
export function sealForCard(
  card: CardKeys,
  epoch: number,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  return sealWith(prekeysKey(card, epoch), plaintext, random)
}

/** @throws CannotOpenError */
export function openWithCard(card: CardKeys, epoch: number, sealed: Uint8Array): Uint8Array {
  return openWith(prekeysKey(card, epoch), sealed)
}

function sealWith(key: Uint8Array, plaintext: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const nonce = random.bytes(NONCE_BYTES)
  return Uint8Array.from(concatBytes(nonce, xchacha20poly1305(key, nonce).encrypt(plaintext)))
}

function openWith(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES)
    return xchacha20poly1305(key, nonce).decrypt(sealed.subarray(NONCE_BYTES))
  } catch (cause) {
    throw new CannotOpenError('not sealed with this key', { cause })
  }
}

function ownKey(seed: Uint8Array): Uint8Array {
  return hkdf(sha256, seed, undefined, utf8ToBytes(OWN_INFO), SEED_BYTES)
}

function prekeysKey({ publicKey, keyCommitment }: CardKeys, epoch: number): Uint8Array {
  const secret = concatBytes(publicKey, keyCommitment)
  return hkdf(sha256, secret, undefined, infoOf(PREKEYS_INFO, epoch), SEED_BYTES)
}

function factorOf({ publicKey, keyCommitment }: CardKeys, epoch: number): bigint {
  const secret = concatBytes(publicKey, keyCommitment)
  return modOrder(hkdf(sha512, secret, undefined, infoOf(BLIND_INFO, epoch), FACTOR_BYTES))
}

/** A little-endian number (RFC 8032, 5.1.6), modulo the order of the base point. */
function modOrder(bytes: Uint8Array): bigint {
  const number = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return ed25519.Point.Fn.create(number)
}

function littleEndian(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 0xffn))
}

function infoOf(purpose: string, epoch: number): Uint8Array {
  return utf8ToBytes(`${purpose} ${epoch}`)
}
