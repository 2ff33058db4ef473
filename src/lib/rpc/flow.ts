/**
 * The sending side of a flow: passes items on while the reader has given credit.
 *
 * With `latest`, an item nobody had credit for is replaced by the next one; with `every`, the source waits.
 */
export class Flow {
  readonly #keep: 'latest' | 'every'
  readonly #send: (item: unknown) => void
  #credit = 0
  #waiting: { item: unknown } | null = null
  #stopped = false
  #room = Promise.withResolvers<undefined>()

  constructor(keep: 'latest' | 'every', send: (item: unknown) => void) {
    this.#keep = keep
    this.#send = send
  }

  /** So many more items may be sent. */
  grant(count: number): void {
    this.#credit += count
    this.#flush()
  }

  /** Ends `pump` without sending what waits. */
  stop(): void {
    this.#stopped = true
    this.#waiting = null
    this.#room.resolve(undefined)
  }

  /** Sends what the source gives, and resolves when its last item is sent or `stop` was called. */
  async pump(source: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
    for await (const item of source) {
      if (signal.aborted) return
      this.#waiting = { item }
      this.#flush()
      if (this.#keep === 'every') await this.#sent()
      if (this.#stopped) return
    }
    await this.#sent()
  }

  async #sent(): Promise<void> {
    while (this.#waiting !== null) await this.#room.promise
  }

  #flush(): void {
    if (this.#credit === 0 || this.#waiting === null) return
    const { item } = this.#waiting
    this.#credit -= 1
    this.#waiting = null
    this.#send(item)
    this.#room.resolve(undefined)
    this.#room = Promise.withResolvers()
  }
}
