import type { Transport } from '@libp2p/interface'
import type { Clock } from '../protocol/seams.ts'

/**
 * A transport whose dials take so long at most: where a network swallows what it does not like, libp2p tries the next
 * address only when it has given this one up.
 */
export function limitDials<Parts>(
  make: (parts: Parts) => Transport,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): (parts: Parts) => Transport {
  return (parts) => {
    const transport = make(parts)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      const limit = new AbortController()
      const abort = (): void => {
        limit.abort(options.signal.reason ?? new DOMException('too slow', 'TimeoutError'))
      }
      options.signal.addEventListener('abort', abort)
      const cancel = clock.after(timeoutMs, abort)
      try {
        options.signal.throwIfAborted()
        return await dial(address, { ...options, signal: limit.signal })
      } finally {
        cancel()
        options.signal.removeEventListener('abort', abort)
      }
    }
    return transport
  }
}
