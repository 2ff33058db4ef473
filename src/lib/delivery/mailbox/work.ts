import { workFor } from '../../protocol/mailbox.ts'
import type { Clock } from '../../protocol/seams.ts'

/** Nonces looked at before others have their turn: some 10 ms. */
const TRIES_AT_ONCE = 5_000

/** Finds work for putting this into that mailbox, a slice at a time. @throws what `signal` was aborted with */
export async function findWork(
  mailbox: Uint8Array,
  subject: Uint8Array,
  bits: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (let from = 0; ; from += TRIES_AT_ONCE) {
    signal.throwIfAborted()
    const nonce = workFor(mailbox, subject, bits, from, TRIES_AT_ONCE)
    if (nonce !== null) return nonce
    await new Promise<void>((resolve) => {
      clock.after(0, resolve)
      signal.addEventListener('abort', () => {
        resolve()
      })
    })
  }
}
