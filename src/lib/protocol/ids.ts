import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { InvalidDataError } from './errors.ts'

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** A libp2p peer id of an Ed25519 key in its base58 form, `12D3KooW…` (52 characters). */
export type PeerIdString = Brand<string, 'PeerId'>

/** SHA-256 over a message's canonical bytes, base64url without padding (43 characters). */
export type MessageId = Brand<string, 'MessageId'>

/** One sender's chain of messages in one conversation: 16 random bytes, base64url (22 characters). */
export type ChainId = Brand<string, 'ChainId'>

/** An Ed25519 public key is 32 bytes (RFC 8032, 5.1.5). */
export const PUBLIC_KEY_BYTES = 32

/**
 * What precedes the 32 key bytes in a peer id: identity multihash (00), 36 bytes (24), protobuf key type
 * Ed25519 (08 01) and length (12 20). https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The peer id of an Ed25519 public key (32 bytes). */
export function peerIdOf(publicKey: Uint8Array): PeerIdString {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES) {
    throw new InvalidDataError(`a public key has ${PUBLIC_KEY_BYTES} bytes`)
  }
  const bytes = new Uint8Array(PEER_ID_PREFIX.byteLength + PUBLIC_KEY_BYTES)
  bytes.set(PEER_ID_PREFIX)
  bytes.set(publicKey, PEER_ID_PREFIX.byteLength)
  return base58btc.encode(bytes).slice(1) as PeerIdString
}

/** The Ed25519 public key (32 bytes) inside a peer id. */
export function publicKeyOf(peer: PeerIdString): Uint8Array {
  return decodePeerId(peer).slice(PEER_ID_PREFIX.byteLength)
}

/** @throws InvalidDataError when `text` is not the peer id of an Ed25519 key. */
export function parsePeerId(text: unknown): PeerIdString {
  decodePeerId(text)
  return text as PeerIdString
}

/** Whether `text` is the peer id of an Ed25519 key. */
export function isPeerId(text: unknown): text is PeerIdString {
  try {
    parsePeerId(text)
    return true
  } catch {
    return false
  }
}

/** @throws InvalidDataError when `text` is not a message id. */
export function parseMessageId(text: unknown): MessageId {
  return parseBase64url(text, 32, 'message id') as MessageId
}

/** The message id with these 32 hash bytes. */
export function messageIdOf(hash: Uint8Array): MessageId {
  return parseMessageId(base64url.encode(hash).slice(1))
}

/** @throws InvalidDataError when `text` is not a chain id. */
export function parseChainId(text: unknown): ChainId {
  return parseBase64url(text, 16, 'chain id') as ChainId
}

/** The chain id with these 16 bytes. */
export function chainIdOf(bytes: Uint8Array): ChainId {
  return parseChainId(base64url.encode(bytes).slice(1))
}

function decodePeerId(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text.length !== 52 || !text.startsWith('12D3KooW')) {
    throw new InvalidDataError('not a peer id of an Ed25519 key')
  }
  let bytes: Uint8Array
  try {
    bytes = base58btc.decode(`z${text}`)
  } catch (cause) {
    throw new InvalidDataError('not base58', { cause })
  }
  const whole = bytes.byteLength === PEER_ID_PREFIX.byteLength + PUBLIC_KEY_BYTES
  if (!whole || !PEER_ID_PREFIX.every((byte, index) => bytes[index] === byte)) {
    throw new InvalidDataError('not a peer id of an Ed25519 key')
  }
  return bytes
}

function parseBase64url(text: unknown, byteLength: number, what: string): string {
  if (typeof text !== 'string' || text.length !== Math.ceil((byteLength * 4) / 3)) {
    throw new InvalidDataError(`not a ${what}`)
  }
  try {
    const bytes = base64url.decode(`u${text}`)
    // One spelling for each id: trailing bits other than zero are refused.
    if (bytes.byteLength === byteLength && base64url.encode(bytes).slice(1) === text) return text
  } catch {
    // Told below.
  }
  throw new InvalidDataError(`not a ${what}`)
}
