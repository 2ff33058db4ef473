import { describe, expect, test } from 'vitest'
import {
  decodeManifest,
  encodeManifest,
  LIST_HASHES,
  listLength,
  listsOf,
  MAX_ABOUT_LEAVES,
  MAX_LEAF_BYTES,
  MAX_LEAVES,
  MAX_MANIFEST_BYTES,
  type Manifest,
} from '#lib/content/manifest.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'

function manifest(leaves: number, changes: Partial<Manifest> = {}): Manifest {
  const hashes = leaves > LIST_HASHES ? listsOf(leaves) : leaves
  return {
    version: 1,
    sealed: true,
    leaves,
    aboutLeaves: 1,
    bytes: leaves,
    hashes: new Uint8Array(32 * hashes),
    ...changes,
  }
}

test.each([1, 2, LIST_HASHES, LIST_HASHES + 1, MAX_LEAVES])(
  'a manifest of %i leaves is read as it was written, and fits',
  (leaves) => {
    const bytes = encodeManifest(manifest(leaves))
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_MANIFEST_BYTES)
    expect(decodeManifest(bytes)).toEqual(manifest(leaves))
  },
)

test('lists hold all leaves', () => {
  expect(listsOf(LIST_HASHES)).toBe(0)
  expect(listsOf(LIST_HASHES + 1)).toBe(2)
  expect(listLength(LIST_HASHES + 1, 0)).toBe(LIST_HASHES)
  expect(listLength(LIST_HASHES + 1, 1)).toBe(1)
})

describe('refused is a manifest', () => {
  test.each<[string, Manifest]>([
    ['of no leaves', manifest(1, { leaves: 0 })],
    ['of more leaves than there may be', { ...manifest(MAX_LEAVES), leaves: MAX_LEAVES + 1 }],
    ['with a hash too few', manifest(3, { hashes: new Uint8Array(64) })],
    ['with a hash too many', manifest(3, { hashes: new Uint8Array(128) })],
    ['with half a hash', manifest(1, { hashes: new Uint8Array(48) })],
    ['of longer leaves than there may be', manifest(2, { bytes: 2 * MAX_LEAF_BYTES + 1 })],
    ['of empty leaves', manifest(2, { bytes: 1 })],
    ['described by more leaves than it has', manifest(2, { aboutLeaves: 3 })],
    ['with too long a description', manifest(99, { aboutLeaves: MAX_ABOUT_LEAVES + 1 })],
  ])('%s', (_name, each) => {
    expect(() => encodeManifest(each)).toThrow(InvalidDataError)
  })
})
