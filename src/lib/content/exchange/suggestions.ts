import type { Random } from '../../protocol/seams.ts'
import type { Bitfield } from '../bitfield.ts'
import { Picker } from './picker.ts'
import type { Reader } from './reader.ts'

/** Leaves suggested to one reader that it has not asked for yet. */
export const MAX_SUGGESTED = 4

/**
 * What to suggest to the readers of one content: the leaves that were given least, each to one of them. Readers cannot
 * know what others have just asked for, and would ask the only source for the same leaves at the same time; the source knows
 * (super-seeding, BEP 16, by the suggestions of BEP 6).
 */
export class Suggestions {
  readonly #leaves: Bitfield
  /** How often each was given, and once more. Those that are suggested or asked for now are taken out. */
  readonly #given: Picker
  /** Of each reader: the oldest first. */
  readonly #suggested = new Map<Reader, Set<number>>()
  readonly #asked = new Map<Reader, Set<number>>()

  /** @param leaves all of which are here */
  constructor(leaves: Bitfield, random: Random) {
    this.#leaves = leaves
    this.#given = new Picker(leaves.length, random)
    for (let leaf = 0; leaf < leaves.length; leaf += 1) {
      this.#given.gained(leaf)
      this.#given.put(leaf)
    }
  }

  /** More leaves for this reader, as many as it may be suggested. */
  next(reader: Reader): number[] {
    const suggested = of(this.#suggested, reader)
    const some: number[] = []
    while (suggested.size < MAX_SUGGESTED) {
      const leaf = this.#given.pick(this.#leaves)
      if (leaf === null) break
      suggested.add(leaf)
      some.push(leaf)
    }
    return some
  }

  /** It asks for this, suggested or not: nobody else should. What was suggested before does not suit it, then. */
  asked(reader: Reader, leaf: number): void {
    const suggested = of(this.#suggested, reader)
    // Asked for unprompted, the word of the others may still be on its way: the oldest alone is taken back.
    const unprompted = !suggested.has(leaf)
    for (const older of suggested) {
      suggested.delete(older)
      this.#given.put(older)
      if (older === leaf || unprompted) break
    }
    if (!this.#leaves.has(leaf) || !this.#given.isOpen(leaf)) return
    this.#given.take(leaf)
    of(this.#asked, reader).add(leaf)
  }

  /** This leaf was given to somebody: whoever else was to have it can get it from there. */
  gave(leaf: number): void {
    this.#given.gained(leaf)
    for (const leaves of [...this.#suggested.values(), ...this.#asked.values()]) {
      if (leaves.delete(leaf)) this.#given.put(leaf)
    }
  }

  /** This reader is given nothing now: what was suggested to it is for others. */
  release(reader: Reader): void {
    for (const each of [this.#suggested, this.#asked]) {
      for (const leaf of each.get(reader) ?? []) this.#given.put(leaf)
      each.delete(reader)
    }
  }
}

function of(leaves: Map<Reader, Set<number>>, reader: Reader): Set<number> {
  const known = leaves.get(reader) ?? new Set()
  leaves.set(reader, known)
  return known
}
