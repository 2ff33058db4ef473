import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  ACK_HEADER,
  CONNECT_PATH,
  type ConnectMode,
  decodeAck,
  decodeMode,
  decodeSessionId,
  MODE_HEADER,
  SESSION_HEADER,
} from '#lib/protocol/connect/connect.ts'
import { ackOf, decodeFrames, encodeFrames, MAX_POST_BYTES } from '#lib/protocol/connect/frames.ts'
import { InvalidDataError, StarlingError } from '#lib/protocol/errors.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import { sourceOf } from '../admission.ts'
import { AtOnce } from '../at-once.ts'
import {
  MAX_CONNECT_POSTS_AT_ONCE,
  MAX_CONNECT_POSTS_AT_ONCE_PER_ADDRESS,
  MAX_CONNECT_REQUESTS_PER_MINUTE,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import type { Refusal, Refusals } from '../refusals.ts'
import type { RemoteOf } from '../remote.ts'
import { PollAnswer, StreamAnswer } from './answers.ts'
import type { ConnectSession } from './session.ts'
import type { ConnectSessions } from './sessions.ts'

export interface ConnectRoutesComponents {
  sessions: ConnectSessions
  clock: Clock
  log: Logger
  refusals: Refusals
  remoteOf: RemoteOf
}

const BYTES = 'application/octet-stream'

const TYPES: Readonly<Record<ConnectMode, string>> = {
  binary: BYTES,
  sse: 'text/event-stream',
  longpoll: BYTES,
  ws: BYTES,
}

/**
 * Pages of other relays connect too: nothing depends on who asks but the session, whose id only its client knows.
 * Fetch standard, 3.3 (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */
const CORS_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST',
  'Access-Control-Allow-Headers': `content-type, ${SESSION_HEADER}, ${ACK_HEADER}, ${MODE_HEADER}`,
  'Access-Control-Max-Age': '86400',
}

/** No proxy may keep, change or gather these answers; the last is for nginx. */
const STREAM_HEADERS = { 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no' }

/** What was asked for cannot be had; counted by the name. */
class ConnectRefusedError extends StarlingError {
  override readonly name = 'ConnectRefusedError'
  readonly refusal: Refusal | null
  readonly status: number

  constructor(refusal: Refusal | null, status: number) {
    super(refusal ?? 'refused')
    this.refusal = refusal
    this.status = status
  }
}

/** Sessions over HTTP, with what bounds strangers. Nothing of a request is logged. */
export function connectRoutes(components: ConnectRoutesComponents): (app: FastifyInstance) => void {
  const { sessions, clock, log, refusals, remoteOf } = components
  const perMinute = new RateLimit(
    { clock },
    { max: MAX_CONNECT_REQUESTS_PER_MINUTE, windowMs: 60_000 },
  )
  const posts = new AtOnce({
    max: MAX_CONNECT_POSTS_AT_ONCE,
    maxPerAsker: MAX_CONNECT_POSTS_AT_ONCE_PER_ADDRESS,
  })

  const sessionOf = ({ headers, raw }: FastifyRequest): ConnectSession => {
    const session = sessions.get(decodeSessionId(headers[SESSION_HEADER]))
    if (session === null) throw new ConnectRefusedError('connect-unknown', 404)
    session.heard(remoteOf(raw).address)
    return session
  }

  return (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.headers(CORS_HEADERS).headers(STREAM_HEADERS)
      const source = sourceOf(remoteOf(request.raw).address)
      if (!perMinute.allow(source)) throw new ConnectRefusedError('connect-requests', 429)
      if (request.method !== 'POST') return
      const leave = posts.enter(source)
      if (leave === null) throw new ConnectRefusedError('connect-at-once', 503)
      reply.raw.once('close', leave)
      // Before a body is read: nobody's is.
      if (request.headers[SESSION_HEADER] !== undefined) sessionOf(request)
    })
    app.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
      const [refusal, status] = refusalOf(error)
      if (refusal !== null) refusals.count(refusal)
      if (status === 500) log.warn(`a request failed: ${error.message}`)
      return await reply.code(status).type(BYTES).send(Buffer.alloc(0))
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })

    app.options(CONNECT_PATH, async (_request, reply) => reply.code(204).send())

    app.post(CONNECT_PATH, { bodyLimit: MAX_POST_BYTES }, async (request, reply) => {
      if (request.headers[SESSION_HEADER] === undefined) {
        const id = sessions.open(remoteOf(request.raw))
        if (id === null) throw new ConnectRefusedError(null, 503)
        return await reply.code(201).type('text/plain').send(id)
      }
      const session = sessionOf(request)
      if (!Buffer.isBuffer(request.body)) throw new InvalidDataError('no frames')
      const received = await session.take(decodeFrames(request.body))
      return await reply.type(BYTES).send(Buffer.from(encodeFrames([ackOf(received)])))
    })

    app.get(CONNECT_PATH, (request, reply) => {
      const session = sessionOf(request)
      const mode = decodeMode({
        query: request.query as Record<string, unknown>,
        headers: request.headers,
      })
      // A WebSocket comes as an upgrade.
      if (mode === 'ws') throw new ConnectRefusedError(null, 426)
      const next = decodeAck(request.headers[ACK_HEADER])
      session.acknowledge(next)
      stream(reply, session, mode, Math.max(next, session.acknowledged))
    })
  }

  function stream(
    reply: FastifyReply,
    session: ConnectSession,
    mode: 'binary' | 'sse' | 'longpoll',
    next: number,
  ): void {
    reply.header(MODE_HEADER, mode).type(TYPES[mode])
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, reply.getHeaders() as Record<string, string>)
    const parts = { clock, session, raw }
    session.attach(
      mode === 'longpoll' ? new PollAnswer(parts, next) : new StreamAnswer(parts, mode, next),
    )
  }
}

function refusalOf(error: Error & { statusCode?: number }): [Refusal | null, number] {
  if (error instanceof ConnectRefusedError) return [error.refusal, error.status]
  if (error instanceof StarlingError) return ['connect-malformed', 400]
  // Fastify's own: a body that is too long, or of another type.
  const { statusCode = 500 } = error
  return statusCode < 500 ? ['connect-malformed', statusCode] : [null, 500]
}
