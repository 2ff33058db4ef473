import { createSubscriber } from 'svelte/reactivity'
import type { AbortOptions } from '../rpc/api.ts'

/**
 * A `watch…` stream of the node host as reactive state.
 *
 * The stream is open exactly while something on screen reads it. In between the last state is kept, so coming
 * back to a screen shows what was known at once.
 */
export class Watched<T> {
  #value: T | undefined
  #error: unknown
  readonly #read: () => void

  constructor(open: (options: AbortOptions) => AsyncIterable<T>) {
    this.#read = createSubscriber((update) => {
      const closing = new AbortController()
      const { signal } = closing
      const follow = async () => {
        try {
          for await (const value of open({ signal })) {
            if (signal.aborted) return
            this.#value = value
            this.#error = undefined
            update()
          }
        } catch (error) {
          if (signal.aborted) return
          this.#error = error
          update()
        }
      }
      void follow()
      return () => {
        closing.abort()
      }
    })
  }

  /** The newest state; undefined until the first one has come. */
  get value(): T | undefined {
    this.#read()
    return this.#value
  }

  /** What ended the stream, if something did. */
  get error(): unknown {
    this.#read()
    return this.#error
  }
}
