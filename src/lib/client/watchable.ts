/** A value that can be read now and listened to. */
export interface Watchable<T> {
  readonly value: T
  /** Calls at once with the present value and then with each new one, until the returned function is called. */
  subscribe(listener: (value: T) => void): () => void
}

/** A watchable that its owner changes. Equal values in a row are one. */
export class WatchableState<T> implements Watchable<T> {
  readonly #listeners = new Set<(value: T) => void>()
  #value: T

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener(value)
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    listener(this.#value)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}
