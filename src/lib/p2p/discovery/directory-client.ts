import type { Connection, Stream } from '@libp2p/interface'
import {
  DIRECTORY_PROTOCOL,
  DIRECTORY_TIMEOUT_MS,
  type DirectoryRequest,
  directoryRequest,
  type DirectoryResponse,
  directoryResponse,
  MAX_DIRECTORY_RESPONSE_BYTES,
} from '../../protocol/directory.ts'
import type { Clock } from '../../protocol/seams.ts'
import { endStream } from '../end-stream.ts'
import { NoAnswerError } from '../errors.ts'
import { encodeLengthPrefixed, readLengthPrefixed } from './length-prefixed.ts'

/**
 * Asks a relay's directory one thing, on a stream of its own: people ask rarely, and an idle stream costs the relay.
 *
 * @throws NoAnswerError, or what the decoder throws when the answer is none
 */
export async function askDirectory(
  connection: Connection,
  request: DirectoryRequest,
  clock: Clock,
  signal?: AbortSignal,
): Promise<DirectoryResponse> {
  const limit = new AbortController()
  const cancel = clock.after(DIRECTORY_TIMEOUT_MS, () => {
    limit.abort(new NoAnswerError('the directory did not answer'))
  })
  const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal])
  let stream: Stream | null = null
  try {
    stream = await connection.newStream(DIRECTORY_PROTOCOL, { signal: either })
    const answer = readLengthPrefixed(stream, MAX_DIRECTORY_RESPONSE_BYTES, either)
    stream.send(encodeLengthPrefixed(directoryRequest.encode(request)))
    return directoryResponse.decode(await answer)
  } finally {
    cancel()
    if (stream !== null) endStream(stream)
  }
}
