/** The parts of a content that are addressed by themselves: its manifest, its lists, its leaves. */

export type PartKind = 'manifest' | 'list' | 'leaf'

/** One part; `index` is 0 for the manifest. */
export interface Part {
  kind: PartKind
  index: number
}

export const MANIFEST_PART: Part = { kind: 'manifest', index: 0 }

/** What a part is kept under, one number each: leaves theirs, the manifest −1, lists −2, −3, … */
export function numberOf({ kind, index }: Part): number {
  if (kind === 'manifest') return -1
  return kind === 'list' ? -2 - index : index
}
