import type { Codec } from './codec.ts'

/**
 * Something a relay is asked by a protocol of its own. Whoever asks opens a stream on an ordinary (not relayed) connection
 * and may use it for any number of requests, one after another. Each frame, both ways, is an unsigned varint of its length
 * and that many bytes of canonical DAG-CBOR. Bytes that are no request reset the stream.
 */
export interface Question<Request, Response> {
  protocol: string
  request: Codec<Request>
  response: Codec<Response>
  /** Longest frames, in bytes. */
  maxRequestBytes: number
  maxResponseBytes: number
  /** How long who asks waits for an answer. */
  timeoutMs: number
}
