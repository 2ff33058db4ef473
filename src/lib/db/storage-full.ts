import { StorageFullError } from '../protocol/errors.ts'

/** Passes `work` on; when the browser had no room for it, as the error that says so. @throws StorageFullError */
export async function orStorageFull<T>(work: PromiseLike<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (isQuotaExceeded(cause)) throw new StorageFullError('no room left', { cause })
    throw cause
  }
}

/** Dexie wraps what the browser said, sometimes in an AbortError. */
function isQuotaExceeded(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 4; depth += 1) {
    if (each.name === 'QuotaExceededError') return true
    each = (each as { inner?: unknown }).inner ?? each.cause
  }
  return false
}
