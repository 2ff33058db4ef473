import { equalBytes } from '#lib/protocol/codec.ts'
import {
  infoCodec,
  ITEM_LIFE_MS,
  itemId,
  itemsCodec,
  type MailboxOperation,
  MAX_FETCH_BYTES,
  MAX_PAGE_ITEMS,
  MAX_PASS_LIFE_MS,
  ownerRequests,
  pageCodec,
  passes,
  prekeysCodec,
  publishCodec,
  putCodec,
  receipts,
  REQUEST_LIFE_MS,
  requireProof,
  type Right,
  showsWork,
  takeCodec,
  takenCodec,
  takeSubject,
} from '#lib/protocol/mailbox.ts'
import type { Clock, Logger, Startable } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import {
  MAILBOX_KEEP_MS,
  MAILBOX_SWEEP_ITEMS,
  MAILBOX_SWEEP_MS,
  MAX_MAILBOX_BYTES_PER_DAY,
  MAX_ONE_TIME_PREKEYS_PER_HOUR,
  MAX_REMEMBERED_SHARES,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import { RefusedError } from './errors.ts'
import { type MailboxId, type MailboxStore, sizeOf } from './store.ts'
import type { WakeUps } from './wake-ups.ts'

export interface MailboxesComponents {
  store: MailboxStore
  /** The relay's. */
  signer: Signer
  clock: Clock
  log: Logger
  /** Null: nobody is woken. */
  wakeUps: WakeUps | null
  /** Counts an item that became durable. */
  onPut: () => void
}

export interface MailboxesInit {
  /** Names the store: relays that share one tell the same 16 bytes. */
  store: Uint8Array
  /** Zero bits that show work (`showsWork`). */
  workBits: number
}

const NOTHING = new Uint8Array()

/**
 * The mailboxes of a relay, as protocol/mailbox.ts describes them. Each call takes the body of a request and gives that
 * of the answer; an item is durable before its receipt is given, and gone for good before its removal is answered.
 */
export class Mailboxes implements Startable {
  readonly #store: MailboxStore
  readonly #signer: Signer
  readonly #clock: Clock
  readonly #log: Logger
  readonly #wakeUps: WakeUps | null
  readonly #onPut: () => void
  readonly #init: MailboxesInit
  readonly #bytesPerDay: RateLimit
  readonly #oneTimePerHour: RateLimit
  #cancelSweep: (() => void) | null = null
  #sweeping: Promise<void> = Promise.resolve()

  constructor(components: MailboxesComponents, init: MailboxesInit) {
    const { store, signer, clock, log, wakeUps, onPut } = components
    this.#init = init
    this.#store = store
    this.#wakeUps = wakeUps
    this.#signer = signer
    this.#clock = clock
    this.#log = log
    this.#onPut = onPut
    this.#bytesPerDay = new RateLimit(
      { clock },
      {
        max: MAX_MAILBOX_BYTES_PER_DAY,
        windowMs: 24 * 60 * 60_000,
        maxAskers: MAX_REMEMBERED_SHARES,
      },
    )
    this.#oneTimePerHour = new RateLimit(
      { clock },
      {
        max: MAX_ONE_TIME_PREKEYS_PER_HOUR,
        windowMs: 60 * 60_000,
        maxAskers: MAX_REMEMBERED_SHARES,
      },
    )
  }

  start(): void {
    this.#sweepLater()
  }

  async stop(): Promise<void> {
    this.#cancelSweep?.()
    this.#cancelSweep = null
    await this.#sweeping
  }

  info(): Uint8Array {
    return infoCodec.encode({
      relay: this.#signer.publicKey,
      second: secondsOf(this.#clock.now()),
      store: this.#init.store,
      workBits: this.#init.workBits,
      wakeKey: this.#wakeUps?.publicKey ?? null,
    })
  }

  /** @param source who asks: what one address may put in a day is bounded */
  async put(body: Uint8Array, source: string): Promise<Uint8Array> {
    const [right, mailbox, bytes] = putCodec.decode(body)
    const id = itemId(bytes)
    const sender = await this.#requireRight(right, mailbox, id)
    const proof = right.type === 'pass' ? right.proof : null
    this.#requireShare(source, sizeOf(bytes))
    const storedAtMs = this.#clock.now()
    const expiresAtMs = storedAtMs + ITEM_LIFE_MS
    const kept = await this.#store.put({
      ...{ mailbox, sender, proof, id, bytes, storedAtMs, expiresAtMs },
    })
    this.#onPut()
    this.#wakeUps?.came(mailbox)
    const seconds = [secondsOf(kept.storedAtMs), secondsOf(kept.expiresAtMs)] as const
    return await receipts.seal([this.#signer.publicKey, mailbox, id, ...seconds], this.#signer)
  }

  async take(body: Uint8Array): Promise<Uint8Array> {
    const [right, mailbox, second] = takeCodec.decode(body)
    this.#requireNow(second)
    const sender = await this.#requireRight(right, mailbox, takeSubject(second))
    const taker = Buffer.concat([mailbox, sender ?? NOTHING]).toString('hex')
    const oneTime = this.#oneTimePerHour.allow(taker)
    const taken = await this.#store.take(mailbox, oneTime, this.#clock.now())
    if (taken === null) throw new RefusedError('mailbox-no-prekeys', 'no prekeys are published')
    return takenCodec.encode([taken.bundle, taken.oneTime])
  }

  async list(body: Uint8Array): Promise<Uint8Array> {
    const { mailbox, operation } = await this.#ownerRequest(body, 'list')
    this.#wakeUps?.looked(mailbox)
    const nowMs = this.#clock.now()
    const entries = await this.#store.list(mailbox, operation.after, MAX_PAGE_ITEMS, nowMs)
    return pageCodec.encode({
      entries: entries.map(({ number, id, byteLength, sender, proof }) => {
        return { number, id, byteLength, sender: sender && proof && [sender, proof] }
      }),
      oneTimeLeft: await this.#store.oneTimeLeft(mailbox, nowMs),
    })
  }

  async fetch(body: Uint8Array): Promise<Uint8Array> {
    const { mailbox, operation } = await this.#ownerRequest(body, 'fetch')
    const found = await this.#store.read(mailbox, operation.numbers)
    const items: [number, Uint8Array][] = []
    let left = MAX_FETCH_BYTES
    for (const number of operation.numbers) {
      const bytes = found.get(number)
      if (bytes === undefined) continue
      left -= bytes.byteLength
      if (left < 0) break
      items.push([number, bytes])
    }
    return itemsCodec.encode(items)
  }

  async remove(body: Uint8Array): Promise<Uint8Array> {
    const { mailbox, operation } = await this.#ownerRequest(body, 'remove')
    await this.#store.remove(mailbox, operation.numbers, this.#clock.now())
    return NOTHING
  }

  /** @param source who asks: what one address may publish in a day is bounded */
  async publish(body: Uint8Array, source: string): Promise<Uint8Array> {
    const [request, bytes] = publishCodec.decode(body)
    const { mailbox, operation, second } = await this.#ownerRequest(request, 'publish')
    if (!equalBytes(itemId(bytes), operation.hash)) {
      throw new RefusedError('mailbox-not-allowed', 'the request is for other prekeys')
    }
    const { bundle, oneTime } = prekeysCodec.decode(bytes)
    this.#requireShare(source, sizeOf(bundle, ...oneTime))
    const expiresAtMs = this.#clock.now() + MAILBOX_KEEP_MS
    await this.#store.publish(mailbox, { second, bundle, oneTime, expiresAtMs })
    return NOTHING
  }

  async wake(body: Uint8Array): Promise<Uint8Array> {
    const { mailbox, operation, second } = await this.#ownerRequest(body, 'wake')
    const { endpoint } = operation
    if (endpoint !== null && this.#wakeUps?.takes(endpoint) !== true) {
      throw new RefusedError('mailbox-not-allowed', 'not an address to be woken at')
    }
    const expiresAtMs = this.#clock.now() + MAILBOX_KEEP_MS
    await this.#store.wakeAt(mailbox, { second, endpoint, expiresAtMs })
    this.#wakeUps?.asked(mailbox)
    return NOTHING
  }

  /** The name on the pass; null for work, which is shown for `subject`. */
  async #requireRight(
    right: Right,
    mailbox: MailboxId,
    subject: Uint8Array,
  ): Promise<Uint8Array | null> {
    if (right.type === 'work') {
      if (showsWork(mailbox, subject, right.nonce, this.#init.workBits)) return null
      throw new RefusedError('mailbox-not-allowed', 'too little work')
    }
    const [of, sender, key, endSecond] = await passes.open(right.pass)
    const leftMs = endSecond * 1_000 - this.#clock.now()
    if (!equalBytes(of, mailbox) || leftMs <= 0 || leftMs > MAX_PASS_LIFE_MS) {
      throw new RefusedError('mailbox-not-allowed', 'the pass is for another mailbox or time')
    }
    await requireProof(mailbox, subject, key, right.proof)
    return sender
  }

  async #ownerRequest<Type extends MailboxOperation['type']>(
    body: Uint8Array,
    type: Type,
  ): Promise<OwnerRequest<Type>> {
    const [relay, mailbox, operation, second] = await ownerRequests.open(body)
    if (!equalBytes(relay, this.#signer.publicKey)) {
      throw new RefusedError('mailbox-not-allowed', 'the request is for another relay')
    }
    this.#requireNow(second)
    if (!isOf(operation, type)) throw new RefusedError('mailbox-malformed', 'another operation')
    return { mailbox, operation, second }
  }

  #requireNow(second: number): void {
    if (Math.abs(second * 1_000 - this.#clock.now()) <= REQUEST_LIFE_MS) return
    throw new RefusedError('mailbox-not-allowed', 'a request of another time')
  }

  #requireShare(source: string, bytes: number): void {
    if (this.#bytesPerDay.allow(source, bytes)) return
    throw new RefusedError('mailbox-bytes', 'too many bytes for a day')
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#clock.after(MAILBOX_SWEEP_MS, () => {
      this.#sweeping = this.#sweep()
    })
  }

  async #sweep(): Promise<void> {
    try {
      let removed: number
      do removed = await this.#store.sweep(this.#clock.now(), MAILBOX_SWEEP_ITEMS)
      while (removed > 0 && this.#cancelSweep !== null)
    } catch (error) {
      this.#log.warn(`mailboxes could not be swept: ${String(error)}`)
    }
    if (this.#cancelSweep !== null) this.#sweepLater()
  }
}

interface OwnerRequest<Type extends MailboxOperation['type']> {
  mailbox: MailboxId
  operation: Extract<MailboxOperation, { type: Type }>
  second: number
}

function isOf<Type extends MailboxOperation['type']>(
  operation: MailboxOperation,
  type: Type,
): operation is Extract<MailboxOperation, { type: Type }> {
  return operation.type === type
}

function secondsOf(timeMs: number): number {
  return Math.floor(timeMs / 1_000)
}
