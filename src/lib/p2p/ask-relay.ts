import type { Connection, Stream } from '@libp2p/interface'
import type { Question } from '../protocol/question.ts'
import type { Clock } from '../protocol/seams.ts'
import { endStream } from './end-stream.ts'
import { NoAnswerError } from './errors.ts'
import { encodeLengthPrefixed, readLengthPrefixed } from './length-prefixed.ts'

/**
 * Asks a relay one thing, on a stream of its own: people ask rarely, and an idle stream costs the relay.
 *
 * @throws NoAnswerError, or what the decoder throws when the answer is none
 */
export async function askRelay<Request, Response>(
  connection: Connection,
  question: Question<Request, Response>,
  request: Request,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Response> {
  const limit = new AbortController()
  const cancel = clock.after(question.timeoutMs, () => {
    limit.abort(new NoAnswerError('the relay did not answer'))
  })
  const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal])
  let stream: Stream | null = null
  try {
    stream = await connection.newStream(question.protocol, { signal: either })
    const answer = readLengthPrefixed(stream, question.maxResponseBytes, either)
    stream.send(encodeLengthPrefixed(question.request.encode(request)))
    return question.response.decode(await answer)
  } finally {
    cancel()
    if (stream !== null) endStream(stream)
  }
}
