export interface HoldOptions {
  /** Aborted when the lock is no longer waited for. */
  wanted: AbortSignal
  /** Aborted when the lock is to be let go. */
  held: AbortSignal
  /** Takes the lock from whoever holds it. */
  steal?: boolean
  /** Somebody took it from us. */
  onLost?: () => void
}

/**
 * Takes a Web Lock for as long as this context lives, or until `held` is aborted. Resolves once it is ours.
 * @throws the reason of `wanted` when that is aborted first.
 */
export async function holdLock(
  locks: LockManager,
  name: string,
  { wanted, held, steal = false, onLost }: HoldOptions,
): Promise<void> {
  wanted.throwIfAborted()
  const acquired = Promise.withResolvers<undefined>()
  let ours = false
  const released = new Promise<void>((resolve) => {
    held.addEventListener('abort', () => {
      resolve()
    })
  })
  locks
    // A stolen lock is given at once: the platform allows no signal with it.
    .request(name, steal ? { steal } : { signal: wanted }, () => {
      ours = true
      acquired.resolve(undefined)
      return released
    })
    .catch((error: unknown) => {
      if (ours) onLost?.()
      else acquired.reject(error)
    })
  await acquired.promise
}

/** Resolves when nobody holds this Web Lock any more. @throws the reason of `signal` when aborted before. */
export async function lockReleased(
  locks: LockManager,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await locks.request(name, { signal, mode: 'shared' }, () => undefined)
}
