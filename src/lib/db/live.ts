import Dexie, { liveQuery } from 'dexie'

/**
 * Changes, one a transaction, after which a query that none of them touched is asked again. Dexie (4.4) keeps the
 * keys of all writes, of whatever table, until a query has its next result: one that never changes would gather
 * them for ever.
 */
export const MAX_GATHERED_CHANGES = 256

export interface LiveOptions {
  signal?: AbortSignal
  /** Subscribes to what the query reads beside the database; the returned function ends it. */
  changes?: (again: () => void) => () => void
}

/**
 * The query's result now and after each change of a row it read. A result the reader had no time for is replaced
 * by the next; now and then one comes that equals the last. Ends when `signal` is aborted or the reader stops.
 */
export async function* live<T>(
  query: () => Promise<T>,
  { signal, changes }: LiveOptions = {},
): AsyncIterable<T> {
  const box = new Box<T>()
  let gathered = 0
  let subscription = subscribe()
  function subscribe() {
    return liveQuery(query).subscribe({
      next: (value) => {
        gathered = 0
        box.put(value)
      },
      error: (error: unknown) => {
        box.fail(error)
      },
    })
  }
  const again = (): void => {
    gathered = 0
    subscription.unsubscribe()
    subscription = subscribe()
  }
  const unlisten = changes?.(again)
  const onChange = (): void => {
    if (++gathered >= MAX_GATHERED_CHANGES) again()
  }
  Dexie.on('storagemutated', onChange)
  const end = (): void => {
    box.end()
  }
  signal?.addEventListener('abort', end)
  if (signal?.aborted === true) end()
  try {
    yield* box.values()
  } finally {
    signal?.removeEventListener('abort', end)
    unlisten?.()
    Dexie.on.storagemutated.unsubscribe(onChange)
    subscription.unsubscribe()
  }
}

/** Holds the latest value until it is taken. */
class Box<T> {
  #held: { value: T } | null = null
  #failure: { error: unknown } | null = null
  #ended = false
  #wake: (() => void) | null = null

  put(value: T): void {
    this.#held = { value }
    this.#wake?.()
  }

  fail(error: unknown): void {
    this.#failure = { error }
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *values(): AsyncIterable<T> {
    for (;;) {
      if (this.#ended) return
      if (this.#failure !== null) throw this.#failure.error
      if (this.#held !== null) {
        const { value } = this.#held
        this.#held = null
        yield value
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = null
      }
    }
  }
}
