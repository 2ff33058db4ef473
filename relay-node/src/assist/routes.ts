import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  ASSIST_PATH,
  type AssistRefusal,
  assistRefusal,
  MAX_SEALED_ASSIST_BYTES,
} from '#lib/protocol/assist.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import { sourceOf } from '../admission.ts'
import { AtOnce } from '../at-once.ts'
import { ANY_ORIGIN, CACHE_NEVER } from '../headers.ts'
import {
  MAX_ASSISTS_AT_ONCE,
  MAX_ASSISTS_AT_ONCE_PER_ADDRESS,
  MAX_ASSISTS_PER_MINUTE,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import type { Refusals } from '../refusals.ts'
import type { RemoteOf } from '../remote.ts'
import type { Assistance } from './assistance.ts'
import { AssistRefusedError } from './errors.ts'

export interface AssistRoutesComponents {
  /** Null until the relay is up. */
  assistance: () => Assistance | null
  clock: Clock
  log: Logger
  refusals: Refusals
  remoteOf: RemoteOf
}

const BYTES = 'application/octet-stream'

const STATUS: Readonly<Record<AssistRefusal['reason'], number>> = {
  malformed: 400,
  proof: 401,
  late: 409,
  busy: 429,
  starting: 503,
}

/** `/api/p2p/assist`, with what bounds strangers. Nothing of a request is logged. */
export function assistRoutes(components: AssistRoutesComponents): (app: FastifyInstance) => void {
  const { clock, log, refusals, remoteOf } = components
  const perMinute = new RateLimit({ clock }, { max: MAX_ASSISTS_PER_MINUTE, windowMs: 60_000 })
  const places = new AtOnce({
    max: MAX_ASSISTS_AT_ONCE,
    maxPerAsker: MAX_ASSISTS_AT_ONCE_PER_ADDRESS,
  })
  const assistance = (): Assistance => {
    const up = components.assistance()
    if (up === null) throw new AssistRefusedError('starting', null)
    return up
  }

  return (app) => {
    app.addHook('onRequest', async ({ raw }: FastifyRequest, reply) => {
      reply.headers(ANY_ORIGIN).header('Cache-Control', CACHE_NEVER)
      const source = sourceOf(remoteOf(raw).address)
      if (!perMinute.allow(source)) throw new AssistRefusedError('busy', 'assist-requests')
      const leave = places.enter(source)
      if (leave === null) throw new AssistRefusedError('busy', 'assist-at-once')
      reply.raw.once('close', leave)
    })
    app.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
      const { statusCode = 500 } = error
      const known = refusalOf(error, statusCode)
      if (known === null) {
        log.warn(`a request failed: ${error.message}`)
        return await reply.code(500).type(BYTES).send(Buffer.alloc(0))
      }
      if (known.refusal !== null) refusals.count(known.refusal)
      const status = error instanceof StarlingError ? STATUS[known.reason] : statusCode
      const body = Buffer.from(assistRefusal.encode({ reason: known.reason }))
      return await reply.code(status).type(BYTES).send(body)
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })

    app.options(ASSIST_PATH, async (_request, reply) => reply.code(204).send())
    app.get(ASSIST_PATH, async (_request, reply) =>
      reply.type(BYTES).send(Buffer.from(await assistance().greet())),
    )
    app.post(ASSIST_PATH, { bodyLimit: MAX_SEALED_ASSIST_BYTES }, async ({ body }, reply) => {
      if (!Buffer.isBuffer(body)) throw new AssistRefusedError('malformed', 'assist-malformed')
      const answer = await assistance().answer(Uint8Array.from(body))
      return await reply.type(BYTES).send(Buffer.from(answer))
    })
  }
}

/** Null: this relay's own fault. */
function refusalOf(
  error: Error,
  statusCode: number,
): Pick<AssistRefusedError, 'reason' | 'refusal'> | null {
  if (error instanceof AssistRefusedError) return error
  // Bytes that are no request; and Fastify's own: a body that is too long, or of another type.
  const isTheirs = error instanceof StarlingError || statusCode < 500
  return isTheirs ? { reason: 'malformed', refusal: 'assist-malformed' } : null
}
