/**
 * Sealing the chunks of a private content: AES-256-GCM (NIST SP 800-38D), with the number of the leaf as nonce.
 *
 * So it is the same each time: who has the key makes the very leaf that others verify. A nonce must never come twice
 * under one key, so a key belongs to one content for ever: it is drawn anew for each (`newContentKey`), and the key that
 * seals comes from it by HKDF (RFC 5869).
 */
import type { Random } from '../protocol/seams.ts'
import { InvalidDataError } from '../protocol/errors.ts'

/** What opens a content. Secret: it travels in the fragment of a link or inside a message. */
export type ContentKey = Uint8Array<ArrayBuffer>

export const CONTENT_KEY_BYTES = 32

const NONCE_BYTES = 12
const CHUNKS_INFO = new TextEncoder().encode('starling content chunks')

export interface ChunkCipher {
  /** The leaf of this number. */
  seal(leaf: number, chunk: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** The chunk in the leaf of this number. @throws InvalidDataError when it was sealed with another key or number */
  open(leaf: number, sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
}

export function newContentKey(random: Random): ContentKey {
  return random.bytes(CONTENT_KEY_BYTES)
}

/** For a public content: a leaf is its chunk, the same bytes. */
export const openChunks: ChunkCipher = {
  seal: (_leaf, chunk) => Promise.resolve(chunk),
  open: (_leaf, chunk) => Promise.resolve(chunk),
}

/** @param contentKey 32 bytes */
export async function chunkCipher(contentKey: ContentKey): Promise<ChunkCipher> {
  const { subtle } = crypto
  const root = await subtle.importKey('raw', contentKey, 'HKDF', false, ['deriveKey'])
  const key = await subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: CHUNKS_INFO },
    root,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  )
  return {
    async seal(leaf, chunk) {
      return new Uint8Array(
        await subtle.encrypt({ name: 'AES-GCM', iv: nonceOf(leaf) }, key, chunk),
      )
    },
    async open(leaf, sealed) {
      try {
        const algorithm = { name: 'AES-GCM', iv: nonceOf(leaf) }
        return new Uint8Array(await subtle.decrypt(algorithm, key, sealed))
      } catch (cause) {
        throw new InvalidDataError('sealed with another key', { cause })
      }
    },
  }
}

/** 96 bits: the number of the leaf, big-endian. */
function nonceOf(leaf: number): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(NONCE_BYTES)
  new DataView(nonce.buffer).setBigUint64(NONCE_BYTES - 8, BigInt(leaf))
  return nonce
}
