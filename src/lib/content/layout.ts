import { InvalidDataError } from '../protocol/errors.ts'
import { CHUNK_BYTES, SEAL_BYTES, type Manifest } from './manifest.ts'

/** A run of leaves. */
export interface LeafRange {
  first: number
  count: number
}

/** How many chunks a file of this size is cut into; an empty one has none. */
export function chunksOf(bytes: number): number {
  return Math.ceil(bytes / CHUNK_BYTES)
}

/** The leaves of each file, in the files' order. */
export function layOut(files: readonly { bytes: number }[]): LeafRange[] {
  let first = 0
  return files.map(({ bytes }) => {
    const range = { first, count: chunksOf(bytes) }
    first += range.count
    return range
  })
}

/** The leaves of the description. */
export function aboutRange({ leaves, aboutLeaves }: Manifest): LeafRange {
  return { first: leaves - aboutLeaves, count: aboutLeaves }
}

/**
 * Holds what a description says of its files against the manifest it came with.
 * @throws InvalidDataError when they are of different contents
 */
export function requireFit(
  manifest: Manifest,
  files: readonly { bytes: number }[],
  aboutBytes: number,
): void {
  const chunks = files.reduce((sum, { bytes }) => sum + chunksOf(bytes), 0)
  const bytes = files.reduce((sum, { bytes }) => sum + bytes, aboutBytes)
  const seals = manifest.sealed ? manifest.leaves * SEAL_BYTES : 0
  if (chunks !== aboutRange(manifest).first || bytes + seals !== manifest.bytes) {
    throw new InvalidDataError('the files do not fill the leaves')
  }
}
