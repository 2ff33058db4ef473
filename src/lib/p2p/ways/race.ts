import type { Clock } from '../../protocol/seams.ts'

export interface Runner<T> {
  /** How long it runs before the next one begins beside it, in ms. */
  headStartMs: number
  run: (signal: AbortSignal) => Promise<T>
}

/**
 * Runs one after the other: the next begins when the last one failed, or its head start is over. The first that comes
 * through wins and the others end, as in Happy Eyeballs (RFC 8305, section 5).
 *
 * @param release given what came through too late
 * @throws the signal's reason, the one error, or an AggregateError of all
 */
export async function race<T>(
  clock: Clock,
  runners: readonly Runner<T>[],
  release: (late: T) => void,
  signal: AbortSignal,
): Promise<T> {
  const won = Promise.withResolvers<T>()
  const over = new AbortController()
  const errors: unknown[] = []
  let begun = 0
  let cancelNext = (): void => undefined
  const begin = (): void => {
    cancelNext()
    const runner = runners[begun]
    if (runner === undefined || over.signal.aborted) return
    begun += 1
    const mine = begun
    cancelNext = clock.after(runner.headStartMs, begin)
    runner.run(over.signal).then(
      (value) => {
        if (over.signal.aborted) release(value)
        over.abort()
        won.resolve(value)
      },
      (error: unknown) => {
        errors.push(error)
        if (errors.length === runners.length) {
          won.reject(errors.length === 1 ? error : new AggregateError(errors, 'none came through'))
        } else if (mine === begun) begin()
      },
    )
  }
  const onAbort = (): void => {
    over.abort(signal.reason)
    won.reject(signal.reason)
  }
  signal.addEventListener('abort', onAbort)
  try {
    signal.throwIfAborted()
    if (runners.length === 0) throw new AggregateError([], 'none came through')
    begin()
    return await won.promise
  } finally {
    cancelNext()
    signal.removeEventListener('abort', onAbort)
  }
}
