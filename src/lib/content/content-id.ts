/**
 * Content is named by the SHA-256 of its manifest: a CID of version 1 for DAG-CBOR (codec 0x71), in its base32 form
 * (https://github.com/multiformats/cid). What else is addressed, lists and chunks, goes by the bare 32 bytes.
 */
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { InvalidDataError } from '../protocol/errors.ts'

declare const brand: unique symbol

/** What one content is known by everywhere: `bafyrei…` (59 characters). */
export type ContentId = string & { readonly [brand]: 'ContentId' }

/** A SHA-256 (FIPS 180-4) in bytes. */
export const HASH_BYTES = 32

/** https://github.com/multiformats/multicodec: dag-cbor, sha2-256. */
const DAG_CBOR = 0x71
const SHA_256 = 0x12

const CONTENT_ID_CHARS = 59

/** Hashes bytes with SHA-256. The platform's (`sha256`), but where time is virtual. */
export type Sha256 = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>

/** Web Crypto's: `npm run bench -- --only hash.throughput` says how fast. */
export const sha256: Sha256 = async (bytes) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))

/** The content whose manifest has this SHA-256. */
export function contentIdOf(manifestHash: Uint8Array): ContentId {
  if (manifestHash.byteLength !== HASH_BYTES) {
    throw new InvalidDataError(`a SHA-256 has ${HASH_BYTES} bytes`)
  }
  return CID.createV1(DAG_CBOR, createDigest(SHA_256, manifestHash)).toString() as ContentId
}

/** The SHA-256 of the manifest of this content. */
export function manifestHashOf(content: ContentId): Uint8Array {
  return CID.parse(content).multihash.digest
}

/** @throws InvalidDataError when `text` is not the id of a content. */
export function parseContentId(text: unknown): ContentId {
  if (typeof text !== 'string' || text.length !== CONTENT_ID_CHARS) {
    throw new InvalidDataError('not a content id')
  }
  try {
    const { version, code, multihash } = CID.parse(text)
    if (version === 1 && code === DAG_CBOR && multihash.code === SHA_256) {
      // One spelling for each id: other bases and stray bits are refused.
      if (contentIdOf(multihash.digest) === text) return text as ContentId
    }
  } catch {
    // Told below.
  }
  throw new InvalidDataError('not a content id')
}
