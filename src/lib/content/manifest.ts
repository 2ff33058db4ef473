/**
 * What a content is made of.
 *
 * Its files, cut into chunks of 256 KiB, and after them a description of them (about.ts), cut the same way, are its
 * **leaves**, numbered from 0. A leaf is what travels: the chunk itself where the content is public, the chunk sealed
 * with the content's key where it is private (chunk-cipher.ts). The **manifest** holds the SHA-256 of every leaf: of up
 * to 4,096 at once, of more through **lists** of 4,096 hashes each, whose SHA-256 it holds instead. So it is small enough
 * to come in one frame, each list and leaf is verified by itself, and all of it by the SHA-256 of the manifest.
 *
 * Whoever has no key sees from it how long the content is, and nothing else.
 */
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import { HASH_BYTES } from './content-id.ts'

/** What a file is cut into; each file begins a new one. */
export const CHUNK_BYTES = 256 * 1024

/** What sealing adds to a chunk: the tag of AES-GCM. */
export const SEAL_BYTES = 16

/** Longest leaf. */
export const MAX_LEAF_BYTES = CHUNK_BYTES + SEAL_BYTES

/** Hashes in a list, and in a manifest: 128 KiB. */
export const LIST_HASHES = 4_096

/** 4 TiB in full chunks. */
export const MAX_LEAVES = LIST_HASHES * LIST_HASHES

/** Leaves of the description: 4 MiB, names and sizes of the most files there may be. */
export const MAX_ABOUT_LEAVES = 16

/** Longest manifest: its hashes and the few numbers beside them. */
export const MAX_MANIFEST_BYTES = LIST_HASHES * HASH_BYTES + 256

/** Longest list. */
export const MAX_LIST_BYTES = LIST_HASHES * HASH_BYTES

const count = (min: number, max: number): v.GenericSchema<unknown, number> =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max))

const schema = v.strictObject({
  version: v.literal(1),
  /** Whether leaves are sealed. */
  sealed: v.boolean(),
  leaves: count(1, MAX_LEAVES),
  /** How many of them, the last ones, are the description. */
  aboutLeaves: count(1, MAX_ABOUT_LEAVES),
  /** Of all leaves together. */
  bytes: count(1, MAX_LEAVES * MAX_LEAF_BYTES),
  /** 32 bytes each: of the leaves, or of the lists when there are more than `LIST_HASHES` leaves. */
  hashes: bytesSchema(MAX_LIST_BYTES, HASH_BYTES),
})

export type Manifest = v.InferOutput<typeof schema>

const manifests = codec<Manifest>(
  v.pipe(
    schema,
    v.check(
      ({ leaves, hashes }) => hashes.byteLength === HASH_BYTES * rootHashes(leaves),
      'as many hashes as leaves or lists',
    ),
    v.check(({ leaves, aboutLeaves }) => aboutLeaves <= leaves, 'described by leaves it has'),
    v.check(({ leaves, bytes }) => bytes >= leaves && bytes <= leaves * MAX_LEAF_BYTES, 'no size'),
  ),
  MAX_MANIFEST_BYTES,
)

export const encodeManifest = (manifest: Manifest): Uint8Array<ArrayBuffer> =>
  manifests.encode(manifest)

/** @throws LimitExceededError, InvalidDataError */
export const decodeManifest = (bytes: Uint8Array): Manifest => manifests.decode(bytes)

/** How many lists a content of so many leaves has: none while its manifest holds the hashes of all. */
export function listsOf(leaves: number): number {
  return leaves > LIST_HASHES ? Math.ceil(leaves / LIST_HASHES) : 0
}

/** How many hashes the list of this number has. */
export function listLength(leaves: number, list: number): number {
  return Math.min(LIST_HASHES, leaves - list * LIST_HASHES)
}

/** The hash at a place of a manifest's hashes or of a list. */
export function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  const start = index * HASH_BYTES
  if (start + HASH_BYTES > hashes.byteLength) throw new InvalidDataError('no such hash')
  return hashes.subarray(start, start + HASH_BYTES)
}

function rootHashes(leaves: number): number {
  return leaves > LIST_HASHES ? listsOf(leaves) : leaves
}
