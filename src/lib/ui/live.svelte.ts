/** What a `watch…` call says now. */
export interface Live<T> {
  /** The newest value; undefined until the first one arrived. */
  readonly current: T | undefined
  /** Why no more values come, when it ended by an error. */
  readonly error: unknown
}

/**
 * Follows a `watch…` call for as long as the component lives. State read by `watch` itself, such as the id of
 * what is watched, starts it anew when it changes.
 */
export function live<T>(watch: (options: { signal: AbortSignal }) => AsyncIterable<T>): Live<T> {
  let current = $state.raw<T>()
  let error = $state.raw<unknown>()

  $effect(() => {
    const stopped = new AbortController()
    const { signal } = stopped
    const values = watch({ signal })
    const follow = async () => {
      try {
        for await (const value of values) {
          if (signal.aborted) return
          current = value
        }
      } catch (cause) {
        if (!signal.aborted) error = cause
      }
    }
    error = undefined
    void follow()
    return () => {
      stopped.abort()
    }
  })

  return {
    get current() {
      return current
    },
    get error() {
      return error
    },
  }
}
