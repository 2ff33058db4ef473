import { signerWith } from '../../crypto/mailbox-keys.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { InvalidDataError, StarlingError } from '../../protocol/errors.ts'
import {
  infoCodec,
  itemId,
  itemsCodec,
  MAX_FETCH_BYTES,
  MAX_ITEM_BYTES,
  MAX_PAGE_ITEMS,
  ownerRequests,
  pageCodec,
  prekeysCodec,
  prove,
  publishCodec,
  putCodec,
  receipts,
  takeCodec,
  takenCodec,
  takeSubject,
  type Grant,
  type MailboxInfo,
  type MailboxOperation,
  type MailboxPage,
  type Right,
  type SealedPrekeys,
} from '../../protocol/mailbox.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { Signer } from '../../protocol/signed.ts'
import { findCodec, MAX_SIGNPOST_BYTES } from '../../protocol/signpost.ts'
import { LyingRelayError, NoAnswerError, RefusedError } from './errors.ts'
import type { MailboxCall, MailboxTransport } from './transport.ts'
import { findWork } from './work.ts'

/** What the relay says of itself is asked again after this, ms: its clock drifts from ours. */
const INFO_LIFE_MS = 60 * 60 * 1000

/** Longest answer but that of `fetch` and `list`, in bytes. */
const MAX_ANSWER_BYTES = 32 * 1024

export interface RelayMailboxesComponents {
  transport: MailboxTransport
  clock: Clock
}

export interface RelayMailboxesInit {
  /** Ways to the same relay, the likeliest first. */
  origins: readonly string[]
  /** Its public key, when it is known. */
  key: Uint8Array | null
}

/** The mailboxes of one relay. Every answer is checked; what cannot be true @throws LyingRelayError. */
export class RelayMailboxes {
  readonly #components: RelayMailboxesComponents
  readonly #init: RelayMailboxesInit
  #origin: string | null = null
  #info: { info: MailboxInfo; askedAtMs: number } | null = null

  constructor(components: RelayMailboxesComponents, init: RelayMailboxesInit) {
    this.#components = components
    this.#init = init
  }

  /** Asked of the relay at most once an hour. @throws RefusedError, NoAnswerError, LyingRelayError */
  async info(signal: AbortSignal): Promise<MailboxInfo> {
    const nowMs = this.#components.clock.now()
    if (this.#info !== null && Math.abs(nowMs - this.#info.askedAtMs) < INFO_LIFE_MS) {
      return this.#info.info
    }
    const info = await this.#ask(signal)
    if (this.#init.key !== null && !equalBytes(info.relay, this.#init.key)) {
      throw new LyingRelayError('another relay answers')
    }
    this.#info = { info, askedAtMs: nowMs }
    return info
  }

  /** Key for wake-ups, as the relay said last; null: it sends none; undefined while it was not asked. */
  get wakeKey(): Uint8Array | null | undefined {
    return this.#info?.info.wakeKey
  }

  /** The relay's clock now, ms. */
  async now(signal: AbortSignal): Promise<number> {
    const { second } = await this.info(signal)
    const sinceMs = this.#components.clock.now() - this.#info!.askedAtMs
    return second * 1000 + Math.max(0, sinceMs)
  }

  /** Resolves once the relay holds the item durably. @param grant null: work is shown */
  async put(
    mailbox: Uint8Array,
    grant: Grant | null,
    item: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ store: Uint8Array; storedAtMs: number }> {
    const info = await this.info(signal)
    const id = itemId(item)
    const right = await this.#right(mailbox, grant, id, signal)
    const answer = await this.#call(
      'put',
      putCodec.encode([right, mailbox, item]),
      MAX_ANSWER_BYTES,
      signal,
    )
    const [relay, of, stored, second] = await believe(() => receipts.open(answer))
    const fits = equalBytes(relay, info.relay) && equalBytes(of, mailbox) && equalBytes(stored, id)
    if (!fits) throw new LyingRelayError('a receipt for something else')
    return { store: info.store, storedAtMs: second * 1000 }
  }

  /** What its owner has others write first with, sealed for those with the card; null when nothing was published. */
  async take(
    mailbox: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ bundle: Uint8Array; oneTime: Uint8Array | null } | null> {
    const second = Math.floor((await this.now(signal)) / 1000)
    const right = await this.#right(mailbox, null, takeSubject(second), signal)
    const body = takeCodec.encode([right, mailbox, second])
    const answer = await orNothing(() => this.#call('take', body, MAX_ANSWER_BYTES, signal))
    if (answer === null) return null
    const [bundle, oneTime] = await believe(() => takenCodec.decode(answer))
    return { bundle, oneTime }
  }

  /** Items with a number above `after`, in their order. */
  async list(owner: Signer, after: number, signal: AbortSignal): Promise<MailboxPage> {
    const answer = await this.#own(owner, { type: 'list', after }, signal)
    const page = await believe(() => pageCodec.decode(answer))
    const numbers = [after, ...page.entries.map(({ number }) => number)]
    if (numbers.some((number, at) => at > 0 && number <= numbers[at - 1]!)) {
      throw new LyingRelayError('a list out of order')
    }
    return page
  }

  /** Bytes of these, as many as the relay gives at once. @param entries as they were listed */
  async fetch(
    owner: Signer,
    entries: MailboxPage['entries'],
    signal: AbortSignal,
  ): Promise<Map<number, Uint8Array>> {
    const numbers = entries.slice(0, MAX_PAGE_ITEMS).map(({ number }) => number)
    const answer = await this.#own(owner, { type: 'fetch', numbers }, signal)
    const items = new Map(await believe(() => itemsCodec.decode(answer)))
    for (const { number, id } of entries) {
      const bytes = items.get(number)
      if (bytes !== undefined && !equalBytes(itemId(bytes), id)) {
        throw new LyingRelayError('an item that was changed')
      }
    }
    return items
  }

  /** Resolves once they are gone for good. */
  async remove(owner: Signer, numbers: readonly number[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < numbers.length; at += MAX_PAGE_ITEMS) {
      const some = numbers.slice(at, at + MAX_PAGE_ITEMS)
      await this.#own(owner, { type: 'remove', numbers: some }, signal)
    }
  }

  async publish(owner: Signer, prekeys: SealedPrekeys, signal: AbortSignal): Promise<void> {
    const bytes = prekeysCodec.encode(prekeys)
    const request = await this.#request(owner, { type: 'publish', hash: itemId(bytes) }, signal)
    await this.#call('publish', publishCodec.encode([request, bytes]), MAX_ANSWER_BYTES, signal)
  }

  /** @param endpoint of the browser's push service; null: no longer */
  async wakeAt(owner: Signer, endpoint: string | null, signal: AbortSignal): Promise<void> {
    await this.#own(owner, { type: 'wake', endpoint }, signal)
  }

  /** The relay spreads a signpost of mine in the DHT. */
  async point(signpost: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    await this.info(signal)
    await this.#call('point', signpost, MAX_ANSWER_BYTES, signal)
  }

  /** What the DHT has of this introduction mailbox; null when it has nothing. Not yet opened. */
  async find(mailbox: Uint8Array, signal: AbortSignal): Promise<Uint8Array | null> {
    await this.info(signal)
    const body = findCodec.encode([mailbox])
    return orNothing(() => this.#call('find', body, MAX_SIGNPOST_BYTES, signal))
  }

  async #right(
    mailbox: Uint8Array,
    grant: Grant | null,
    subject: Uint8Array,
    signal: AbortSignal,
  ): Promise<Right> {
    if (grant !== null) {
      const [pass, secret] = grant
      return { type: 'pass', pass, proof: await prove(mailbox, subject, signerWith(secret)) }
    }
    const { workBits } = await this.info(signal)
    const nonce = await findWork(mailbox, subject, workBits, this.#components.clock, signal)
    return { type: 'work', nonce }
  }

  async #own(
    owner: Signer,
    operation: MailboxOperation & { type: MailboxCall },
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const maxBytes = MAX_FETCH_BYTES + MAX_ITEM_BYTES + MAX_ANSWER_BYTES
    const request = await this.#request(owner, operation, signal)
    return this.#call(operation.type, request, maxBytes, signal)
  }

  async #request(
    owner: Signer,
    operation: MailboxOperation,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { relay } = await this.info(signal)
    const second = Math.floor((await this.now(signal)) / 1000)
    return ownerRequests.seal([relay, owner.publicKey, operation, second], owner)
  }

  #call(
    call: MailboxCall,
    body: Uint8Array<ArrayBuffer>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const origin = this.#origin ?? this.#init.origins[0]!
    return this.#components.transport.call(origin, call, body, maxBytes, signal)
  }

  /** Finds the origin that answers, and asks it what it is. */
  async #ask(signal: AbortSignal): Promise<MailboxInfo> {
    const { transport } = this.#components
    const { origins } = this.#init
    let failure: unknown = new InvalidDataError('a relay without an address')
    for (const origin of this.#origin === null ? origins : [this.#origin]) {
      try {
        const answer = await transport.call(origin, 'info', null, MAX_ANSWER_BYTES, signal)
        const info = await believe(() => infoCodec.decode(answer))
        this.#origin = origin
        return info
      } catch (error) {
        signal.throwIfAborted()
        failure = error
      }
    }
    throw failure
  }
}

/** Anybody in between may answer what is out of shape or signed by nobody: that is no lie of the relay yet. */
async function believe<T>(read: () => Promise<T> | T): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof StarlingError)
      throw new NoAnswerError('no answer that can be read', { cause })
    throw cause
  }
}

/** Null when the relay says that there is nothing. */
async function orNothing<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof RefusedError && error.refusal.reason === 'nothing') return null
    throw error
  }
}
