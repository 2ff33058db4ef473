/** How a relay's mailboxes are reached: plain HTTP that tells nothing of who asks (protocol/mailbox.ts). */
import type { Clock } from '../../protocol/seams.ts'
import { MAILBOX_PATH, refusalCodec } from '../../protocol/mailbox.ts'
import { NoAnswerError, RefusedError } from './errors.ts'

/** The operations, as they stand at the end of the path. `info` is asked for without one. */
export type MailboxCall =
  'info' | 'put' | 'take' | 'list' | 'fetch' | 'remove' | 'publish' | 'wake' | 'point' | 'find'

export interface MailboxTransport {
  /**
   * @param origin of the relay, `https://host[:port]`
   * @param maxBytes longest answer
   * @returns the body of the answer
   * @throws RefusedError, NoAnswerError, or what `signal` was aborted with
   */
  call(
    origin: string,
    call: MailboxCall,
    body: Uint8Array<ArrayBuffer> | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>
}

/** An answer takes no longer, ms: a page of items over a slow line. */
export const ANSWER_TIMEOUT_MS = 20_000

export interface HttpTransportComponents {
  fetch: typeof fetch
  clock: Clock
}

export class HttpMailboxTransport implements MailboxTransport {
  readonly #components: HttpTransportComponents

  constructor(components: HttpTransportComponents) {
    this.#components = components
  }

  async call(
    origin: string,
    call: MailboxCall,
    body: Uint8Array<ArrayBuffer> | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { clock, fetch } = this.#components
    const patience = new AbortController()
    const stopWaiting = clock.after(ANSWER_TIMEOUT_MS, () => {
      patience.abort()
    })
    try {
      const response = await fetch(`${origin}${MAILBOX_PATH}${call === 'info' ? '' : `/${call}`}`, {
        method: body === null ? 'GET' : 'POST',
        ...(body === null ? {} : { body, headers: { 'content-type': 'application/octet-stream' } }),
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
        redirect: 'error',
        signal: AbortSignal.any([signal, patience.signal]),
      })
      const bytes = await readAtMost(response, maxBytes)
      if (response.ok) return bytes
      throw new RefusedError(refusalCodec.decode(bytes))
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof RefusedError) throw error
      throw new NoAnswerError(`no answer of ${origin}`, { cause: error })
    } finally {
      stopWaiting()
    }
  }
}

async function readAtMost(response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunksOf(response.body)) {
    length += chunk.byteLength
    if (length > maxBytes) throw new NoAnswerError(`an answer of more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return bytes
}

/** WebKit has no asynchronous iterator on streams. Left early, the rest is not read. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}
