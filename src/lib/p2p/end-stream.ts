import type { Stream } from '@libp2p/interface'
import { ChannelClosedError } from './errors.ts'

/** How long what was sent last may take to leave. */
const CLOSE_TIMEOUT_MS = 5_000

/** Ends a stream politely, which flushes what was sent; when the peer does not take that, the hard way. */
export function endStream(stream: Stream): void {
  stream.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) }).catch((cause: unknown) => {
    stream.abort(new ChannelClosedError('the peer did not take the end', { cause }))
  })
}
