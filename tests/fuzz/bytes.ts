import type { Dice } from './dice.ts'

/** What lengths, counters and flags are compared with. */
const EDGES = [0, 1, 0x17, 0x18, 0x1f, 0x40, 0x7f, 0x80, 0xa0, 0xbf, 0xd8, 0xf6, 0xf7, 0xfb, 0xff]

/** A change adds at most so many bytes. */
const MAX_ADDED = 32

/** Where inputs are made, one at a time. */
let scratch = new Uint8Array(4_096)

/** The bytes with one to four changes that know nothing of what they mean. */
export function changedBytes(dice: Dice, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let changes = 1 + dice.below(4)
  let length = bytes.byteLength
  const most = length + changes * MAX_ADDED
  if (most > scratch.byteLength) scratch = new Uint8Array(2 * most)
  scratch.set(bytes)
  for (; changes > 0; changes -= 1) length = change(dice, length)
  return scratch.slice(0, length)
}

/** One change of the first bytes in `scratch`. @returns how many they are then */
function change(dice: Dice, length: number): number {
  const at = dice.below(length + 1)
  switch (dice.below(7)) {
    case 0:
      if (at < length) scratch[at]! ^= 1 << dice.below(8)
      return length
    case 1:
      if (at < length) scratch[at] = dice.pick(EDGES)
      return length
    case 2:
      return at
    case 3:
      return put(length, at, 0, dice.bytes(1 + dice.below(4)))
    case 4:
      return put(length, at, 1 + dice.below(8), new Uint8Array())
    case 5: {
      const again = scratch.slice(at, Math.min(length, at + 1 + dice.below(MAX_ADDED)))
      return put(length, at, 0, again)
    }
    default:
      return put(length, at, 4, new Uint8Array(4).fill(dice.pick(EDGES)))
  }
}

/** Puts this in the place of so many bytes, or of as many as there are. */
function put(length: number, at: number, removed: number, what: Uint8Array): number {
  const rest = Math.min(length, at + removed)
  scratch.copyWithin(at + what.byteLength, rest, length)
  scratch.set(what, at)
  return length - (rest - at) + what.byteLength
}
