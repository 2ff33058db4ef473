import { lookup as lookupAll, type LookupAddress } from 'node:dns'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { LookupFunction } from 'node:net'
import webPush from 'web-push'
import { check } from '#lib/protocol/check.ts'
import { codec } from '#lib/protocol/codec.ts'
import { bytesSchema } from '#lib/protocol/schemas.ts'
import * as v from 'valibot'
import { PUSH_TIMEOUT_MS, PUSH_TTL_SECONDS } from '../limits.ts'
import { isPublic, isPushEndpoint } from './push-addresses.ts'
import type { MailboxStore } from './store.ts'

/** What became of a wake-up; `gone`: nobody is there any more (RFC 8030, 7.3). */
export type PushOutcome = 'sent' | 'gone' | 'failed'

/** Sends wake-ups by Web Push (RFC 8030), signed so that push services know who sends (RFC 8292). */
export interface Push {
  /** Uncompressed point of P-256, 65 bytes: what browsers subscribe with. */
  readonly publicKey: Uint8Array
  /** Whether wake-ups are sent to this address at all. */
  takes(endpoint: string): boolean
  /** Never rejects. */
  send(endpoint: string, signal: AbortSignal): Promise<PushOutcome>
}

export interface WebPushInit {
  /** Whom a push service may turn to: an https or mailto address. */
  subject: string
  /** Whether any address is taken, also http and one of a private network. */
  anywhere: boolean
}

/** Public key, private key. */
const keysCodec = codec(v.strictTuple([bytesSchema(65, 65), bytesSchema(32, 32)]), 128)

/** Answers of a push service that say that a subscription is over. */
const GONE = new Set([404, 410])

/**
 * A push is empty: it carries no words and names nobody, and later ones take the place of those not yet delivered. The
 * package makes the request; it is sent from here, because the package reads answers of any length.
 */
export class WebPush implements Push {
  readonly publicKey: Uint8Array
  readonly #details: webPush.VapidKeys & { subject: string }
  readonly #anywhere: boolean

  private constructor(publicKey: Uint8Array, privateKey: Uint8Array, init: WebPushInit) {
    this.publicKey = publicKey
    this.#anywhere = init.anywhere
    this.#details = {
      subject: init.subject,
      publicKey: textOf(publicKey),
      privateKey: textOf(privateKey),
    }
  }

  /** With the keys of the store, which relays on one store share: a subscription is bound to its key. */
  static async of(store: MailboxStore, init: WebPushInit): Promise<WebPush> {
    const { publicKey, privateKey } = webPush.generateVAPIDKeys()
    const made = keysCodec.encode([bytesOf(publicKey), bytesOf(privateKey)])
    const kept = keysCodec.decode(await store.constant('wake-key', made))
    return new WebPush(...kept, init)
  }

  takes(endpoint: string): boolean {
    if (!this.#anywhere) return isPushEndpoint(endpoint)
    return /^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')
  }

  async send(endpoint: string, signal: AbortSignal): Promise<PushOutcome> {
    try {
      const { headers } = webPush.generateRequestDetails({ endpoint, keys: NO_KEYS }, null, {
        vapidDetails: this.#details,
        TTL: PUSH_TTL_SECONDS,
        urgency: 'high',
        topic: 'starling',
      })
      const status = await post(endpoint, {
        headers: check(headersSchema, headers),
        signal: AbortSignal.any([signal, AbortSignal.timeout(PUSH_TIMEOUT_MS)]),
        ...(this.#anywhere ? {} : { lookup: lookupPublic }),
      })
      if (GONE.has(status)) return 'gone'
      return status >= 200 && status < 300 ? 'sent' : 'failed'
    } catch {
      // A push service that is away or refuses: the item waits all the same.
      return 'failed'
    }
  }
}

/** Whom push services may turn to (RFC 8292, 2.1): the relay's own page, where it has a public one. */
export function subjectOf(publicUrl: string | null): string {
  return publicUrl?.startsWith('https:') === true ? publicUrl : 'mailto:relay@starling.invalid'
}

/** They encrypt what a push carries; these carry nothing. */
const NO_KEYS = { p256dh: '', auth: '' }

const headersSchema = v.record(v.string(), v.union([v.string(), v.number()]))

/** The status of the answer; the rest of it is not read. */
function post(endpoint: string, options: RequestOptions): Promise<number> {
  const url = new URL(endpoint)
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    request(url, { ...options, method: 'POST', agent: false }, (response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })
}

/** Resolves names to addresses of the internet alone. */
const lookupPublic: LookupFunction = (hostname, options, done) => {
  lookupAll(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const found = error === null ? addresses.filter(({ address }) => isPublic(address)) : []
    const [first] = found
    if (first === undefined) done(error ?? new Error('no public address'), '', 0)
    else if (options.all === true) done(null, found)
    else done(null, first.address, first.family)
  })
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64url'))
}
