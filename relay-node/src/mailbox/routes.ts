import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MAILBOX_PATH } from '#lib/protocol/mailbox.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import { sourceOf } from '../admission.ts'
import { AtOnce } from '../at-once.ts'
import { ANY_ORIGIN, CACHE_NEVER } from '../headers.ts'
import {
  ANSWER_TIMEOUT_MS,
  MAX_FETCHES_AT_ONCE,
  MAX_FETCHES_AT_ONCE_PER_ADDRESS,
  MAX_MAILBOX_BODY_BYTES,
  MAX_MAILBOX_REQUESTS_AT_ONCE,
  MAX_MAILBOX_REQUESTS_AT_ONCE_PER_ADDRESS,
  MAX_MAILBOX_REQUESTS_PER_MINUTE,
  MAX_PUBLISH_BODY_BYTES,
  MAX_PUT_BODY_BYTES,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import type { Refusals } from '../refusals.ts'
import type { RemoteOf } from '../remote.ts'
import { RefusedError } from './errors.ts'
import type { Mailboxes } from './mailboxes.ts'
import { answerOf, refusalOf } from './refusal-answers.ts'
import type { Signposts } from './signposts.ts'

export interface MailboxRoutesComponents {
  mailboxes: Mailboxes
  signposts: Signposts
  clock: Clock
  log: Logger
  refusals: Refusals
  remoteOf: RemoteOf
}

const BYTES = 'application/octet-stream'

/** Mailboxes over HTTP, with what bounds strangers. Nothing of a request is logged. */
export function mailboxRoutes(components: MailboxRoutesComponents): (app: FastifyInstance) => void {
  const { mailboxes, signposts, clock, log, refusals, remoteOf } = components
  const perMinute = new RateLimit(
    { clock },
    { max: MAX_MAILBOX_REQUESTS_PER_MINUTE, windowMs: 60_000 },
  )
  const requests = new AtOnce({
    max: MAX_MAILBOX_REQUESTS_AT_ONCE,
    maxPerAsker: MAX_MAILBOX_REQUESTS_AT_ONCE_PER_ADDRESS,
  })
  const fetches = new AtOnce({
    max: MAX_FETCHES_AT_ONCE,
    maxPerAsker: MAX_FETCHES_AT_ONCE_PER_ADDRESS,
  })
  const sourceOfRequest = ({ raw }: FastifyRequest): string => sourceOf(remoteOf(raw).address)

  /** Takes a place until the answer is read, or not read for too long. */
  const enter = (places: AtOnce, request: FastifyRequest, { raw }: FastifyReply): void => {
    const leave = places.enter(sourceOfRequest(request))
    if (leave === null) throw new RefusedError('mailbox-at-once', 'too many requests at once')
    whenClosed(raw, leave)
  }

  return (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.headers(ANY_ORIGIN).header('Cache-Control', CACHE_NEVER)
      if (!perMinute.allow(sourceOfRequest(request))) {
        throw new RefusedError('mailbox-requests', 'too many requests in a minute')
      }
      enter(requests, request, reply)
    })
    app.addHook('onSend', async (_request, { raw }) => {
      whenClosed(
        raw,
        clock.after(ANSWER_TIMEOUT_MS, () => raw.destroy()),
      )
    })
    app.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
      const { statusCode = 500 } = error
      // Fastify's own: a body that is too long, or of another type.
      const isUnread = statusCode < 500
      const refusal = isUnread ? 'mailbox-malformed' : refusalOf(error)
      if (refusal === 'mailbox-failed') log.warn(`a request failed: ${error.message}`)
      refusals.count(refusal)
      const { status, body } = answerOf(refusal)
      reply.code(isUnread ? statusCode : status).type(BYTES)
      return await reply.send(body)
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })

    const post = (
      name: string,
      bodyLimit: number,
      answer: (body: Uint8Array, source: string) => Promise<Uint8Array>,
    ): void => {
      app.post(`${MAILBOX_PATH}/${name}`, { bodyLimit }, async (request, reply) => {
        if (name === 'fetch') enter(fetches, request, reply)
        if (!Buffer.isBuffer(request.body)) throw new RefusedError('mailbox-malformed', 'no body')
        const body = await answer(Uint8Array.from(request.body), sourceOfRequest(request))
        return await reply.type(BYTES).send(body)
      })
    }
    post('put', MAX_PUT_BODY_BYTES, (body, source) => mailboxes.put(body, source))
    post('take', MAX_MAILBOX_BODY_BYTES, (body) => mailboxes.take(body))
    post('list', MAX_MAILBOX_BODY_BYTES, (body) => mailboxes.list(body))
    post('fetch', MAX_MAILBOX_BODY_BYTES, (body) => mailboxes.fetch(body))
    post('remove', MAX_MAILBOX_BODY_BYTES, (body) => mailboxes.remove(body))
    post('publish', MAX_PUBLISH_BODY_BYTES, (body, source) => mailboxes.publish(body, source))
    post('wake', MAX_MAILBOX_BODY_BYTES, (body) => mailboxes.wake(body))
    post('point', MAX_MAILBOX_BODY_BYTES, (body, source) => signposts.point(body, source))
    post('find', MAX_MAILBOX_BODY_BYTES, (body, source) => signposts.find(body, source))
    app.get(MAILBOX_PATH, async (_request, reply) => reply.type(BYTES).send(mailboxes.info()))
    for (const path of [MAILBOX_PATH, `${MAILBOX_PATH}/*`]) {
      app.options(path, async (_request, reply) => reply.code(204).send())
    }
  }
}

/** Calls when the answer is written or its socket gone, at once when that was before. */
function whenClosed(answer: FastifyReply['raw'], call: () => void): void {
  if (answer.closed) call()
  else answer.once('close', call)
}
