import type { Connection } from '@libp2p/interface'
import type { Clock } from '../protocol/seams.ts'
import { equalBytes } from '../protocol/codec.ts'
import { endStream } from './end-stream.ts'
import { NoAnswerError } from './errors.ts'

/** https://github.com/libp2p/specs/blob/master/ping/ping.md: 32 bytes there and the same back. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

/**
 * How long one message takes there and back on this very connection, in ms; libp2p's own ping chooses the
 * connection itself.
 *
 * @throws NoAnswerError when nothing or something else comes back within `limitMs`
 */
export async function pingConnection(
  connection: Connection,
  clock: Clock,
  limitMs: number,
): Promise<number> {
  const limit = new AbortController()
  const cancel = clock.after(limitMs, () => {
    limit.abort(new NoAnswerError(`no answer within ${limitMs} ms`))
  })
  try {
    const stream = await connection.newStream(PING_PROTOCOL, {
      signal: limit.signal,
      runOnLimitedConnection: true,
    })
    const sent = crypto.getRandomValues(new Uint8Array(PING_BYTES))
    const startMs = clock.now()
    const answer = Promise.withResolvers<undefined>()
    const received: number[] = []
    stream.addEventListener('message', ({ data }) => {
      received.push(...data.subarray())
      if (received.length < PING_BYTES) return
      if (equalBytes(Uint8Array.from(received), sent)) answer.resolve(undefined)
      else answer.reject(new NoAnswerError('another answer than the ping'))
    })
    const ended = (): void => {
      answer.reject(new NoAnswerError('the ping was cut off'))
    }
    stream.addEventListener('close', ended)
    limit.signal.addEventListener('abort', () => {
      answer.reject(limit.signal.reason as Error)
    })
    try {
      stream.send(sent)
      await answer.promise
    } catch (error) {
      stream.abort(error instanceof Error ? error : new NoAnswerError('no answer'))
      throw error
    } finally {
      stream.removeEventListener('close', ended)
    }
    endStream(stream)
    return clock.now() - startMs
  } finally {
    cancel()
  }
}
