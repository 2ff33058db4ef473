/**
 * CBOR (RFC 8949) spelled wrong on purpose. A sample is taken apart into a tree once; an input is the tree written again
 * with a few of its nodes written otherwise: of another type, with a false length, too deep, twice, not canonical.
 */
import { decode } from '@ipld/dag-cbor'
import { changedBytes } from './bytes.ts'
import type { Dice } from './dice.ts'

const UNSIGNED = 0
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6

export interface Tree {
  major: number
  /** As the sample has it. */
  written: Uint8Array
  /** Content of bytes and texts; of all else what is written. */
  raw: Uint8Array
  /** Of an array, of a map (keys and values in turns), or of bytes that are CBOR themselves. */
  children: Tree[]
  /** Nodes in it, itself included. */
  size: number
}

const LENGTHS = [0, 1, 16, 17, 23, 24, 31, 32, 33, 63, 64, 65, 255, 256]

/** Beyond what most may have. */
const LONG = [1_025, 20_481, 70_000]

/** Lengths that a head may claim. Nobody has so many bytes. */
const CLAIMS = [2 ** 8, 2 ** 16, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 2 ** 11]

/** Numbers, simple values and floats at the edges of their kinds. */
const SCALARS = [
  '00',
  '01',
  '17',
  '1818',
  '18ff',
  '1a7fffffff',
  '1affffffff',
  '1b001fffffffffffff',
  '1b0020000000000000',
  '1bffffffffffffffff',
  '20',
  '37',
  '3affffffff',
  '3b001ffffffffffffe',
  '3bffffffffffffffff',
  'f4',
  'f5',
  'f6',
  'f7',
  'e0',
  'f820',
  'f8ff',
  'f90000',
  'f98000',
  'f93c00',
  'f97c00',
  'f97e00',
  'fa7f800000',
  'fa7fc00000',
  'fb8000000000000000',
  'fb3ff0000000000000',
  'fb3fb999999999999a',
  'fb7ff0000000000000',
  'fb7ff8000000000000',
  'fb4340000000000000',
  '1800',
  '1b0000000000000001',
  '40',
  '60',
  '80',
  'a0',
  'ff',
  '5f4101ff',
  '7f6161ff',
  '9f01ff',
  'bf616101ff',
  'd82a4100',
  'c249010000000000000000',
  'c000',
  '1c',
  'fc',
].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')))

const TEXTS = [
  '',
  '__proto__',
  'constructor',
  'toString',
  'type',
  '\0',
  '\u202e',
  '\ud800',
  '\u{10ffff}',
  '..',
  '/',
  'x'.repeat(300),
].map((text) => Uint8Array.from(Buffer.from(text)))

/** Beyond what most may have. */
const LONG_TEXTS = ['x'.repeat(17_000), '\u0301'.repeat(500)].map((text) =>
  Uint8Array.from(Buffer.from(text)),
)

const NOT_UTF8 = Uint8Array.of(0xed, 0xa0, 0x80, 0xff, 0xc0)

/** Null when the bytes are no list or map of CBOR. */
export function treeOf(bytes: Uint8Array): Tree | null {
  try {
    decode(bytes)
  } catch {
    // Not CBOR, so bytes are all it is.
    return null
  }
  const tree = new Reader(bytes).tree()
  return tree.major === ARRAY || tree.major === MAP ? tree : null
}

/** The tree with one to three of its nodes written otherwise. @param others what may stand in the place of a node */
export function changedTree(
  dice: Dice,
  tree: Tree,
  others: readonly Tree[],
): Uint8Array<ArrayBuffer> {
  const changes = Array.from({ length: 1 + dice.below(3) }, () => dice.below(tree.size))
  const writer = new Writer(dice, changes, others)
  writer.write(tree)
  return writer.bytes()
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  tree(): Tree {
    const from = this.#at
    const first = this.#bytes[this.#at]!
    const major = first >> 5
    const length = this.#argument(first & 0x1f)
    if (major === BYTES || major === TEXT) {
      const raw = this.#bytes.subarray(this.#at, (this.#at += length))
      const inner = major === BYTES ? treeOf(raw) : null
      return made(major, this.#since(from), raw, inner === null ? [] : [inner])
    }
    const count = major === ARRAY ? length : major === MAP ? 2 * length : major === TAG ? 1 : 0
    const children = Array.from({ length: count }, () => this.tree())
    const written = this.#since(from)
    return made(major, written, written, children)
  }

  #since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at)
  }

  #argument(short: number): number {
    this.#at += 1
    if (short < 24) return short
    const bytes = 2 ** (short - 24)
    let value = 0
    for (const byte of this.#bytes.subarray(this.#at, (this.#at += bytes)))
      value = value * 256 + byte
    return value
  }
}

function made(major: number, written: Uint8Array, raw: Uint8Array, children: Tree[]): Tree {
  return { major, written, raw, children, size: children.reduce((sum, { size }) => sum + size, 1) }
}

/** What is being written: one at a time. */
let scratch = new Uint8Array(4_096)

class Writer {
  readonly #dice: Dice
  readonly #changes: readonly number[]
  readonly #others: readonly Tree[]
  #out = scratch
  #length = 0
  /** Number of the node that comes next, in the order they are written. */
  #node = 0

  constructor(dice: Dice, changes: readonly number[], others: readonly Tree[]) {
    this.#dice = dice
    this.#changes = changes
    this.#others = others
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#out.slice(0, this.#length)
  }

  write(tree: Tree): void {
    const node = this.#node
    const next = node + tree.size
    const changed = this.#changes.some((change) => node < change && change < next)
    if (this.#changes.includes(node)) this.#writeOtherwise(tree)
    else if (changed && tree.major !== TAG) this.#writeInside(tree)
    else this.#put(tree.written)
    this.#node = next
  }

  /** With changes in its children alone. */
  #writeInside({ major, children }: Tree): void {
    const from = this.#length
    this.#node += 1
    if (major !== BYTES) {
      this.#head(major, major === MAP ? children.length / 2 : children.length)
      for (const child of children) this.write(child)
      return
    }
    for (const child of children) this.write(child)
    // What is inside has to be there before its length is known.
    const inside = this.#out.slice(from, this.#length)
    this.#length = from
    this.#head(BYTES, inside.byteLength)
    this.#put(inside)
  }

  #writeOtherwise(tree: Tree): void {
    const dice = this.#dice
    const { major, raw, children } = tree
    switch (dice.below(10)) {
      case 0:
        this.#put(dice.pick(SCALARS))
        return
      case 1:
        this.#text(dice.once(8) ? NOT_UTF8 : dice.pick(dice.once(50) ? LONG_TEXTS : TEXTS))
        return
      case 2: {
        const content = dice.bytes(dice.pick(dice.once(50) ? LONG : LENGTHS))
        this.#head(BYTES, content.byteLength)
        this.#put(content)
        return
      }
      case 3:
        // A length that is not so, and what was there behind it.
        this.#head(2 + dice.below(5), dice.once(2) ? dice.pick(CLAIMS) : dice.below(64))
        this.#put(raw)
        return
      case 4: {
        const depth = dice.once(16) ? 4_000 : 1 + dice.below(40)
        const shell = dice.pick([
          Uint8Array.of(0x81),
          Uint8Array.of(0xa1, 0x60),
          Uint8Array.of(0xc1),
          Uint8Array.of(0x9f),
        ])
        for (let level = 0; level < depth; level += 1) this.#put(shell)
        this.#put(tree.written)
        return
      }
      case 5:
        if (children.length === 0) break
        this.#members(major, this.#otherMembers(major, children))
        return
      case 6:
        if (this.#others.length === 0) break
        this.#put(descendant(dice, dice.pick(this.#others)).written)
        return
      case 7:
        // The same with a longer head than it needs.
        if (major === BYTES || major === TEXT) {
          this.#number(major, raw.byteLength, 1 + dice.below(3))
          this.#put(raw)
          return
        }
        this.#number(UNSIGNED, dice.below(24), dice.below(4))
        return
      case 8: {
        // As long as it has to be.
        if (raw.byteLength === 0) break
        const content = Uint8Array.from(raw)
        content[dice.below(content.byteLength)]! ^= 1 << dice.below(8)
        this.#head(major === TEXT ? TEXT : BYTES, content.byteLength)
        this.#put(content)
        return
      }
      default:
        break
    }
    const content = changedBytes(dice, raw)
    this.#head(major === TEXT ? TEXT : BYTES, content.byteLength)
    this.#put(content)
  }

  /** One left out, doubled, exchanged with another, or very often. */
  #otherMembers(major: number, children: readonly Tree[]): Tree[] {
    const dice = this.#dice
    const step = major === MAP ? 2 : 1
    const at = dice.below(children.length / step) * step
    const chosen = children.slice(at, at + step)
    const before = children.slice(0, at)
    const after = children.slice(at + step)
    switch (dice.below(4)) {
      case 0:
        return [...before, ...after]
      case 1:
        return [...before, ...chosen, ...chosen, ...after]
      case 2:
        return [...after, ...chosen, ...before]
      default: {
        const often = Array.from({ length: dice.pick([2, 33, 65, 500]) }, () => chosen).flat()
        return [...before, ...often, ...after]
      }
    }
  }

  #members(major: number, members: readonly Tree[]): void {
    if (major === BYTES) {
      for (const each of members) this.#put(each.written)
      return
    }
    this.#head(major, major === MAP ? members.length / 2 : members.length)
    for (const each of members) this.#put(each.written)
  }

  #text(content: Uint8Array): void {
    this.#head(TEXT, content.byteLength)
    this.#put(content)
  }

  #head(major: number, value: number): void {
    if (value < 24) this.#put(Uint8Array.of((major << 5) | value))
    else
      this.#number(major, value, value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 2 ** 32 ? 2 : 3)
  }

  /** In 1, 2, 4 or 8 bytes, whether it needs them or not. @param size 0 to 3 */
  #number(major: number, value: number, size: number): void {
    const bytes = new Uint8Array(1 + 2 ** size)
    bytes[0] = (major << 5) | (24 + size)
    let rest = value
    for (let at = bytes.byteLength - 1; at > 0; at -= 1) {
      bytes[at] = rest % 256
      rest = Math.floor(rest / 256)
    }
    this.#put(bytes)
  }

  #put(bytes: Uint8Array): void {
    const needed = this.#length + bytes.byteLength
    if (needed > this.#out.byteLength) {
      const larger = new Uint8Array(2 * needed)
      larger.set(this.#out)
      this.#out = scratch = larger
    }
    this.#out.set(bytes, this.#length)
    this.#length = needed
  }
}

function descendant(dice: Dice, tree: Tree): Tree {
  let node = tree
  while (node.children.length > 0 && !dice.once(3)) node = dice.pick(node.children)
  return node
}
