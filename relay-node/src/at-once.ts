export interface AtOnceInit {
  max: number
  /** Of one asker. */
  maxPerAsker: number
}

/** Lets so many in at once, in all and of one asker. */
export class AtOnce {
  readonly #init: AtOnceInit
  readonly #inside = new Map<string, number>()
  #total = 0

  constructor(init: AtOnceInit) {
    this.#init = init
  }

  /** Takes a place; the returned function gives it back, once. Null: there is none. */
  enter(asker: string): (() => void) | null {
    const before = this.#inside.get(asker) ?? 0
    if (this.#total >= this.#init.max || before >= this.#init.maxPerAsker) return null
    this.#total += 1
    this.#inside.set(asker, before + 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#total -= 1
      const left = this.#inside.get(asker)! - 1
      if (left === 0) this.#inside.delete(asker)
      else this.#inside.set(asker, left)
    }
  }
}
