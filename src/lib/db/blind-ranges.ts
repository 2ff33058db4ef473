import { cmp, type DBCoreIndex, type DBCoreKeyRange } from 'dexie'

/** What stands for a value in the place of `index` that has this name. */
export type Blind = (property: string, value: string | Uint8Array) => Uint8Array

/** A range of keys as they are stored, around the one that is meant. */
export interface BlindRange {
  /** Holds every stored key that is meant, and when not `exact` others as well. */
  range: DBCoreKeyRange
  exact: boolean
  /** Parts of a key that are the same in the whole range. */
  fixedParts: number
}

/** Below and above every key there is (https://www.w3.org/TR/IndexedDB/#key-construct). */
const LOWEST = -Infinity
const HIGHEST = [[]]

/** Whether this part of a key is blinded: numbers keep their order, texts and bytes have none any more. */
export function isBlinded(part: unknown): part is string | Uint8Array {
  return typeof part === 'string' || part instanceof Uint8Array
}

/** The parts of a key, also of one that is not compound. */
export function partsOf(key: unknown): readonly unknown[] {
  return Array.isArray(key) ? (key as unknown[]) : [key]
}

/** The properties an index is over. */
export function propertiesOf({ keyPath }: Pick<DBCoreIndex, 'keyPath'>): readonly string[] {
  return keyPath === null ? [] : typeof keyPath === 'string' ? [keyPath] : keyPath
}

/** A whole key as it is stored. */
export function blindKey(index: DBCoreIndex, key: unknown, blind: Blind): unknown {
  return whole(index, blindParts(index, partsOf(key), blind))
}

/** A range as it is stored: up to the first blinded part in which its ends differ. */
export function blindRange(index: DBCoreIndex, range: DBCoreKeyRange, blind: Blind): BlindRange {
  const { lower, upper } = range as { lower: unknown; upper: unknown }
  const fixedParts = sameParts(partsOf(lower), partsOf(upper))
  const low = blindBound(index, lower, fixedParts, LOWEST, blind)
  const high = blindBound(index, upper, fixedParts, HIGHEST, blind)
  return {
    range: {
      type: range.type,
      lower: low.bound,
      lowerOpen: range.lowerOpen === true && low.exact,
      upper: high.bound,
      upperOpen: range.upperOpen === true && high.exact,
    },
    exact: low.exact && high.exact,
    fixedParts,
  }
}

export function isInRange({ lower, lowerOpen, upper, upperOpen }: DBCoreKeyRange, key: unknown) {
  return (
    (lower === undefined || cmp(key, lower) >= (lowerOpen === true ? 1 : 0)) &&
    (upper === undefined || cmp(key, upper) <= (upperOpen === true ? -1 : 0))
  )
}

/**
 * What two rows share whose order is not the stored one: the parts of their key before the first blinded one that
 * is not the same in the whole range.
 */
export function tieOf(key: unknown, fixedParts: number): readonly unknown[] {
  const parts = partsOf(key)
  const first = parts.findIndex((part, index) => index >= fixedParts && isBlinded(part))
  return first === -1 ? parts : parts.slice(0, first)
}

function blindBound(
  index: DBCoreIndex,
  bound: unknown,
  fixedParts: number,
  edge: unknown,
  blind: Blind,
): { bound: unknown; exact: boolean } {
  if (bound === undefined) return { bound, exact: true }
  const parts = partsOf(bound)
  const cut = parts.findIndex((part, at) => at >= fixedParts && isBlinded(part))
  if (cut === -1) return { bound: blindKey(index, bound, blind), exact: true }
  return {
    bound: whole(index, [...blindParts(index, parts.slice(0, cut), blind), edge]),
    exact: false,
  }
}

function blindParts(index: DBCoreIndex, parts: readonly unknown[], blind: Blind): unknown[] {
  const properties = propertiesOf(index)
  return parts.map((part, at) => (isBlinded(part) ? blind(properties[at]!, part) : part))
}

function whole({ compound }: DBCoreIndex, parts: unknown[]): unknown {
  return compound === true ? parts : parts[0]
}

function sameParts(a: readonly unknown[], b: readonly unknown[]): number {
  const first = a.findIndex((part, at) => at >= b.length || cmp(part, b[at]) !== 0)
  return first === -1 ? a.length : first
}
