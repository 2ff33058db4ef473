/**
 * Joins writes that come while another is under way into one, so that a disk's slow `fsync` is paid once for all of
 * them: group commit (DeWitt et al., Implementation techniques for main memory database systems, 1984).
 */
export class GroupCommit<Operation> {
  readonly #write: (operations: Operation[]) => Promise<void>
  readonly #maxTogether: number
  readonly #waiting: { operations: Operation[]; done: PromiseWithResolvers<undefined> }[] = []
  #writing: Promise<void> | null = null

  /**
   * @param write makes all operations durable, or none
   * @param maxTogether calls whose operations become one write
   */
  constructor(write: (operations: Operation[]) => Promise<void>, maxTogether = Infinity) {
    this.#write = write
    this.#maxTogether = maxTogether
  }

  /** Resolves once these are durable, in the order of the calls. Rejects as `write` does. */
  async commit(operations: Operation[]): Promise<void> {
    const done = Promise.withResolvers<undefined>()
    this.#waiting.push({ operations, done })
    this.#writing ??= this.#writeAll()
    await done.promise
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    // What else comes in this turn goes along.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#maxTogether)
      try {
        await this.#write(group.flatMap(({ operations }) => operations))
        for (const { done } of group) done.resolve(undefined)
      } catch (error) {
        for (const { done } of group) done.reject(error)
      }
    }
    this.#writing = null
  }
}
