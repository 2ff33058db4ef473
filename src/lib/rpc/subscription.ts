export interface SubscriptionInit {
  /** `latest`: an item not yet read is replaced by the next one. */
  keep: 'latest' | 'every'
  signal: AbortSignal | undefined
  /** An item was read: there is room for another. */
  onRead(): void
  /** The reader wants no more, before the other side ended. */
  onClose(): void
}

type Waiting = PromiseWithResolvers<IteratorResult<unknown, undefined>>

/**
 * The reading side of a flow, for one reader. Unlike a generator's, its `return` takes effect at once, also
 * while a `next` is waiting.
 */
export class Subscription implements AsyncIterableIterator<unknown, undefined> {
  readonly #init: SubscriptionInit
  #items: unknown[] = []
  #waiting: Waiting[] = []
  #over: { error: Error | null } | null = null

  constructor(init: SubscriptionInit) {
    this.#init = init
    if (init.signal?.aborted === true) this.#over = { error: init.signal.reason as Error }
    else init.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  push(item: unknown): void {
    if (this.#over !== null) return
    const reader = this.#waiting.shift()
    if (reader !== undefined) {
      reader.resolve({ done: false, value: item })
      this.#init.onRead()
      return
    }
    if (this.#init.keep === 'latest') this.#items = [item]
    else this.#items.push(item)
  }

  /** The other side has nothing more; what is here can still be read. */
  end(error: Error | null = null): void {
    if (this.#over !== null) return
    this.#over = { error }
    this.#init.signal?.removeEventListener('abort', this.#onAbort)
    for (const reader of this.#waiting.splice(0)) this.#settle(reader)
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const reader: Waiting = Promise.withResolvers()
    if (this.#items.length > 0) {
      reader.resolve({ done: false, value: this.#items.shift() })
      if (this.#over === null) this.#init.onRead()
    } else if (this.#over !== null) {
      this.#settle(reader)
    } else {
      this.#waiting.push(reader)
    }
    return reader.promise
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#close(null)
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  readonly #onAbort = (): void => {
    this.#close(this.#init.signal?.reason as Error)
  }

  #close(error: Error | null): void {
    this.#items = []
    if (this.#over !== null) return
    this.end(error)
    this.#init.onClose()
  }

  /** An error is told once; whoever asks again finds the end. */
  #settle(reader: Waiting): void {
    const error = this.#over?.error ?? null
    this.#over = { error: null }
    if (error === null) reader.resolve({ done: true, value: undefined })
    else reader.reject(error)
  }
}
