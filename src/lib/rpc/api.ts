/**
 * What a component may offer over a port.
 *
 * Methods named `watch…` return an AsyncIterable that yields the present state at once and then each new
 * one, the latest replacing what the reader had no time for; every other method returns a Promise. All take
 * `AbortOptions` last. Arguments and results are plain and clone-safe.
 */
export interface AbortOptions {
  signal?: AbortSignal
}
