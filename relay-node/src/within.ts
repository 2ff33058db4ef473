import type { Clock } from '#lib/protocol/seams.ts'

/** Does this with a signal that says when its time is over, or everything stops. */
export async function within<T>(
  clock: Clock,
  timeoutMs: number,
  stopping: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const cancel = clock.after(timeoutMs, () => {
    limit.abort()
  })
  try {
    return await act(AbortSignal.any([stopping, limit.signal]))
  } finally {
    cancel()
  }
}
