import type { Dice } from './dice.ts'

/** What lengths, counters and flags are compared with. */
const EDGES = [0, 1, 0x17, 0x18, 0x1f, 0x40, 0x7f, 0x80, 0xa0, 0xbf, 0xd8, 0xf6, 0xf7, 0xfb, 0xff]

/** The bytes with one to four changes that know nothing of what they mean. */
export function changedBytes(dice: Dice, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let changed: Uint8Array<ArrayBuffer> = new Uint8Array(bytes)
  for (let changes = 1 + dice.below(4); changes > 0; changes -= 1) changed = change(dice, changed)
  return changed
}

function change(dice: Dice, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = dice.below(bytes.byteLength + 1)
  switch (dice.below(7)) {
    case 0:
      if (at < bytes.byteLength) bytes[at]! ^= 1 << dice.below(8)
      return bytes
    case 1:
      if (at < bytes.byteLength) bytes[at] = dice.pick(EDGES)
      return bytes
    case 2:
      return bytes.slice(0, at)
    case 3:
      return spliced(bytes, at, 0, dice.bytes(1 + dice.below(4)))
    case 4:
      return spliced(bytes, at, 1 + dice.below(8), new Uint8Array())
    case 5: {
      const again = bytes.subarray(at, at + 1 + dice.below(32))
      return spliced(bytes, at, 0, again)
    }
    default:
      return spliced(bytes, at, 4, new Uint8Array(4).fill(dice.pick(EDGES)))
  }
}

function spliced(
  bytes: Uint8Array,
  at: number,
  removed: number,
  put: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const rest = bytes.subarray(at + removed)
  const result = new Uint8Array(at + put.byteLength + rest.byteLength)
  result.set(bytes.subarray(0, at))
  result.set(put, at)
  result.set(rest, at + put.byteLength)
  return result
}
