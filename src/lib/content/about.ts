/**
 * What a content says of itself: its files, what it is called, and who made it. It lies in the last leaves, sealed like
 * the files, so that only those who can open it read a name.
 *
 * Bytes: `[body, signature or null]` in canonical DAG-CBOR. Who made it signs the body, which names the hash over all
 * leaves of the files: nobody can put other files under it (protocol/signed.ts has the form of what is signed).
 */
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import { publicKeyOf, type PeerIdString } from '../protocol/ids.ts'
import { MAX_NAME_BYTES } from '../protocol/names.ts'
import { bytesSchema, peerIdSchema, timeMsSchema } from '../protocol/schemas.ts'
import { requireSignature, SIGNATURE_BYTES, type Signer } from '../protocol/signed.ts'
import { HASH_BYTES } from './content-id.ts'
import { CHUNK_BYTES, MAX_ABOUT_LEAVES, MAX_LEAVES } from './manifest.ts'
import { isPath, MAX_PATH_BYTES } from './paths.ts'

/** Signature context. */
export const ABOUT_CONTEXT = 'starling-content-1'

/** Files and empty folders in one content: a large photo library. */
export const MAX_FILES = 10_000

/** Longest description, in UTF-16 units. */
export const MAX_DESCRIPTION_CHARS = 1_000

/** Longest media type, in characters (RFC 6838, 4.2, allows 127 and a slash between two of them). */
export const MAX_MEDIA_TYPE_CHARS = 255

/** Longest in bytes. */
export const MAX_ABOUT_BYTES = MAX_ABOUT_LEAVES * CHUNK_BYTES

/** One file of a content, or an empty folder (folders.ts). */
export interface FileEntry {
  /** With `/` between folders. */
  path: string
  /** As its maker's browser says: `image/jpeg`; empty when it did not. */
  mediaType: string
  bytes: number
}

export interface About {
  /** What all of it is called: a file's or folder's name. */
  name: string
  description: string
  createdAtMs: number
  /** Honest holders give it to nobody from then on; null: no end. */
  expiresAtMs: number | null
  /** Who signed it; null when nobody did. */
  creator: { peer: PeerIdString; name: string } | null
  files: FileEntry[]
  /** SHA-256 over the hashes of the files' leaves, one after the other. */
  leavesHash: Uint8Array
}

const text = (maxBytes: number): v.GenericSchema<unknown, string> =>
  v.pipe(v.string(), v.maxBytes(maxBytes))

const file = v.strictObject({
  path: v.pipe(v.string(), v.maxBytes(MAX_PATH_BYTES), v.check(isPath, 'not a path')),
  mediaType: v.pipe(v.string(), v.maxLength(MAX_MEDIA_TYPE_CHARS)),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_LEAVES * CHUNK_BYTES)),
})

const bodies = codec<About>(
  v.strictObject({
    name: v.pipe(text(MAX_PATH_BYTES), v.minLength(1)),
    description: v.pipe(v.string(), v.maxLength(MAX_DESCRIPTION_CHARS)),
    createdAtMs: timeMsSchema,
    expiresAtMs: v.nullable(timeMsSchema),
    creator: v.nullable(
      v.strictObject({
        peer: peerIdSchema,
        name: v.pipe(text(MAX_NAME_BYTES), v.minLength(1)),
      }),
    ),
    files: v.pipe(v.array(file), v.minLength(1), v.maxLength(MAX_FILES), v.check(differ, 'twice')),
    leavesHash: bytesSchema(HASH_BYTES, HASH_BYTES),
  }),
  MAX_ABOUT_BYTES,
)

const envelopes = codec(
  v.strictTuple([
    bytesSchema(MAX_ABOUT_BYTES),
    v.nullable(bytesSchema(SIGNATURE_BYTES, SIGNATURE_BYTES)),
  ]),
  MAX_ABOUT_BYTES,
)

/**
 * @param signer the creator's, where there is one
 * @throws InvalidDataError, LimitExceededError when it breaks a rule
 */
export async function encodeAbout(
  about: About,
  signer: Signer | null,
): Promise<Uint8Array<ArrayBuffer>> {
  if ((about.creator === null) !== (signer === null)) {
    throw new InvalidDataError('signed by whom it names, or by nobody')
  }
  const body = bodies.encode(about)
  const signature = (await signer?.sign(ABOUT_CONTEXT, body)) ?? null
  return envelopes.encode([body, signature])
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError */
export async function decodeAbout(bytes: Uint8Array): Promise<About> {
  const [body, signature] = envelopes.decode(bytes)
  const about = bodies.decode(body)
  if ((about.creator === null) !== (signature === null)) {
    throw new InvalidDataError('signed by whom it names, or by nobody')
  }
  if (about.creator !== null) {
    await requireSignature(publicKeyOf(about.creator.peer), ABOUT_CONTEXT, body, signature!)
  }
  return about
}

function differ(files: FileEntry[]): boolean {
  return new Set(files.map(({ path }) => path)).size === files.length
}
