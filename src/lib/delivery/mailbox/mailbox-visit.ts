import type { MessagingIdentity } from '../../crypto/api.ts'
import {
  endOfEpoch,
  epochOf,
  SEALED_OVERHEAD_BYTES,
  sealForCard,
  signerWith,
} from '../../crypto/mailbox-keys.ts'
import { CannotOpenError } from '../../crypto/errors.ts'
import { pad, SIZE_CLASSES, unpad } from '../../crypto/padding.ts'
import { likeMessage } from '../../crypto/sessions.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import { InvalidSignatureError, StarlingError, StorageFullError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import {
  ITEM_LIFE_MS,
  requireProof,
  SENDER_BYTES,
  type MailboxPage,
} from '../../protocol/mailbox.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { Signer } from '../../protocol/signed.ts'
import { markOf, type Sealer } from '../seams.ts'
import type { Devices } from '../devices.ts'
import type { ItemTaken } from '../post.ts'
import { LyingRelayError } from './errors.ts'
import { grant } from './grant.ts'
import type { RelayMailboxes } from './relay-mailboxes.ts'
import type { MailboxRelay } from './store.ts'

/** One-time prekeys left at a relay when more are published, and how many. */
export const FEW_PREKEYS = 5
export const PUBLISHED_PREKEYS = 20

/** Prekeys are published anew after this, ms: signed ones rotate. */
const PUBLISH_AGAIN_MS = 7 * 24 * 60 * 60 * 1000

/** And not sooner than this, ms, however fast they are taken: the bundle alone is enough to write. */
const PUBLISH_PAUSE_MS = 6 * 60 * 60 * 1000

/** Visits with one canary put down: one of so many. */
const VISITS_PER_CANARY = 10

/** Secret half of an Ed25519 key. */
const SECRET_BYTES = 32

/** Removals of one relay that are remembered, so that what comes back is noticed. */
const MAX_REMEMBERED_REMOVALS = 1_000

export interface VisitComponents {
  identity: MessagingIdentity
  sealer: Pick<Sealer, 'publish'>
  clock: Clock
  random: Random
  logger: Logger
}

export interface VisitInit {
  mailboxes: RelayMailboxes
  /** Who of those I know is called so on their passes of this epoch. */
  senders(epoch: number): Promise<ReadonlyMap<string, PeerIdString>>
  devices: Pick<Devices, 'announcement' | 'hearOwn'>
  /** Whether what comes here wakes this browser. */
  wakes(): boolean
  /** @param from whose pass it was put with; null when it was put with work */
  take(item: Uint8Array, from: PeerIdString | null): Promise<ItemTaken>
}

type Entry = MailboxPage['entries'][number]

/** What a visit has seen. */
export interface Visited {
  relay: MailboxRelay
  /** Something came. */
  taken: number
}

/**
 * Visits my mailboxes at one relay: takes what is there, removes what is durable here, keeps prekeys there, and sees
 * whether the relay does what it promised. A **canary** is an item of my own that looks like any other: a relay that
 * gave a receipt for it and does not list it at the next visit has lost it. What was removed must not come back.
 */
export class MailboxVisits {
  readonly #components: VisitComponents
  readonly #init: VisitInit
  /** Items that stay for now, by mark. */
  readonly #left = new Set<string>()
  /** Items that stay until I know who is called so. */
  readonly #unknown = new Set<string>()
  readonly #removed = new Set<string>()
  /** Canaries that were seen, by mark: removed once that is written down, or a relay that did as it was told would be blamed. */
  readonly #spent = new Set<string>()

  constructor(components: VisitComponents, init: VisitInit) {
    this.#components = components
    this.#init = init
  }

  /** What was left is looked at again at the next visit. */
  lookAgain(): void {
    this.#left.clear()
    this.#unknown.clear()
  }

  /**
   * @param everywhere the mailboxes of all epochs in which something may still lie, not of this one alone
   * @throws NoAnswerError, RefusedError, LyingRelayError, StorageFullError
   */
  async visit(relay: MailboxRelay, everywhere: boolean, signal: AbortSignal): Promise<Visited> {
    const { clock, identity } = this.#components
    // What was for later may have become acceptable.
    if (everywhere) this.#left.clear()
    const nowMs = await this.#init.mailboxes.now(signal)
    const epoch = epochOf(nowMs)
    // By passes given out while my clock was ahead of the relay's, contacts write to mailboxes of epochs to come.
    const newest = Math.max(epoch, epochOf(clock.now()))
    const oldest = everywhere ? epochOf(endOfEpoch(epoch) - 1 - ITEM_LIFE_MS) - 1 : epoch
    let taken = 0
    let after = relay
    for (let each = newest; each >= oldest; each--) {
      const canary = relay.canary?.epoch === each ? relay.canary : null
      const owner = identity.contactsMailbox(each)
      const { seen, count } = await this.#empty(owner, each, canary, signal)
      taken += count
      if (canary === null) continue
      const expired = nowMs >= canary.atMs + ITEM_LIFE_MS
      if (!expired && !seen.has(canary.mark)) {
        throw new LyingRelayError('an item it gave a receipt for is gone')
      }
      after = { ...after, canary: null }
    }
    for (let each = epoch; each >= oldest; each--) {
      const owner = identity.introductionMailbox(each)
      const { count, oneTimeLeft } = await this.#empty(owner, each, null, signal)
      taken += count
      if (each === epoch) after = await this.#publish(after, epoch, owner, oneTimeLeft, signal)
    }
    const before = after
    if (after.announced !== epoch) after = await this.#announce(after, epoch, signal)
    if (after.canary === null && this.#components.random.fraction() * VISITS_PER_CANARY < 1) {
      after = await this.#putCanary(after, epoch, signal)
    }
    // Who has just looked is not woken by what came before: nor am I by what is my own.
    if (after !== before && this.#init.wakes()) {
      const owner = identity.contactsMailbox(epoch)
      taken += (await this.#empty(owner, epoch, after.canary, signal)).count
    }
    return { relay: after, taken }
  }

  /** Takes all there is in one mailbox. */
  async #empty(
    owner: Signer,
    epoch: number,
    canary: MailboxRelay['canary'],
    signal: AbortSignal,
  ): Promise<{ seen: Set<string>; count: number; oneTimeLeft: number | null }> {
    const { mailboxes } = this.#init
    const seen = new Set<string>()
    let count = 0
    let at = 0
    for (;;) {
      const page = await mailboxes.list(owner, at, signal)
      const last = page.entries.at(-1)
      if (last === undefined) return { seen, count, oneTimeLeft: page.oneTimeLeft }
      for (const { id } of page.entries) seen.add(toBase64url(id))
      count += await this.#takePage(owner, epoch, canary, page.entries, signal)
      at = last.number
    }
  }

  async #takePage(
    owner: Signer,
    epoch: number,
    canary: MailboxRelay['canary'],
    entries: readonly Entry[],
    signal: AbortSignal,
  ): Promise<number> {
    const { mailboxes } = this.#init
    const senders = await this.#init.senders(epoch)
    const gone: number[] = []
    let wanted: Entry[] = []
    for (const entry of entries) {
      const mark = toBase64url(entry.id)
      if (this.#removed.has(placeOf(owner, entry.number))) {
        throw new LyingRelayError('an item that was removed is back')
      }
      if (this.#left.has(mark) || this.#unknown.has(mark)) continue
      if (mark === canary?.mark) this.#spent.add(mark)
      else if (this.#spent.delete(mark)) gone.push(entry.number)
      else {
        const from = senderOf(entry, senders)
        if (from !== null) await this.#requireProof(owner, epoch, entry, from)
        wanted.push(entry)
      }
    }
    let count = 0
    while (wanted.length > 0) {
      const items = await mailboxes.fetch(owner, wanted, signal)
      if (items.size === 0) break
      for (const entry of wanted) {
        const { number, sender } = entry
        const item = items.get(number)
        if (item === undefined) continue
        const from = senderOf(entry, senders)
        const outcome = await this.#take(item, from)
        // Of a contact whom I do not know yet, when I was restored without my contacts; or another installation's canary.
        const isUnknown = outcome === 'unopened' && sender !== null && from === null
        if (isUnknown) this.#unknown.add(markOf(item))
        else if (outcome === 'later') this.#left.add(markOf(item))
        else gone.push(number)
        if (outcome === 'taken') count += 1
      }
      wanted = wanted.filter(({ number }) => !items.has(number))
    }
    await mailboxes.remove(owner, gone, signal)
    if (this.#removed.size > MAX_REMEMBERED_REMOVALS) this.#removed.clear()
    for (const number of gone) this.#removed.add(placeOf(owner, number))
    return count
  }

  /** What lies here under a contact's name is from whoever has the key in their passes. */
  async #requireProof(
    owner: Signer,
    epoch: number,
    { id, sender }: Entry,
    from: PeerIdString,
  ): Promise<void> {
    const { publicKey } = signerWith(this.#components.identity.senderSecret(epoch, from))
    try {
      await requireProof(owner.publicKey, id, publicKey, sender![1])
    } catch (cause) {
      if (!(cause instanceof InvalidSignatureError)) throw cause
      throw new LyingRelayError('an item under the name of somebody else', { cause })
    }
  }

  async #take(item: Uint8Array, from: PeerIdString | null): Promise<ItemTaken> {
    try {
      if (from === this.#components.identity.peer) return await this.#takeOwn(item)
      return await this.#init.take(item, from)
    } catch (error) {
      // No room is for later; what is malformed stays so.
      if (error instanceof StorageFullError || !(error instanceof StarlingError)) throw error
      this.#components.logger.warn(`an item that is not acceptable: ${error.message}`)
      return 'refused'
    }
  }

  async #publish(
    relay: MailboxRelay,
    epoch: number,
    owner: Signer,
    oneTimeLeft: number | null,
    signal: AbortSignal,
  ): Promise<MailboxRelay> {
    const { clock, identity, random, sealer } = this.#components
    const { published } = relay
    const nowMs = clock.now()
    const ageMs = published?.epoch === epoch ? Math.abs(nowMs - published.atMs) : Infinity
    const few = oneTimeLeft === null || oneTimeLeft < FEW_PREKEYS
    if (ageMs < (few ? PUBLISH_PAUSE_MS : PUBLISH_AGAIN_MS)) return relay
    const { bundle, oneTime } = await sealer.publish(PUBLISHED_PREKEYS)
    const sealed = {
      bundle: sealForCard(identity, epoch, bundle, random),
      oneTime: oneTime.map((each) => sealForCard(identity, epoch, each, random)),
    }
    await this.#init.mailboxes.publish(owner, sealed, signal)
    return { ...relay, published: { epoch, atMs: nowMs } }
  }

  /** Leaves what my installation says of itself, for one that may still run elsewhere. */
  async #announce(relay: MailboxRelay, epoch: number, signal: AbortSignal): Promise<MailboxRelay> {
    const { identity, random } = this.#components
    const announcement = pad(await this.#init.devices.announcement())
    const item = likeMessage(identity.sealForMyself(announcement, random), random)
    const name = identity.senderName(epoch, identity.peer)
    await this.#putForMyself(epoch, name, identity.senderSecret(epoch, identity.peer), item, signal)
    return { ...relay, announced: epoch }
  }

  async #putCanary(relay: MailboxRelay, epoch: number, signal: AbortSignal): Promise<MailboxRelay> {
    const { random } = this.#components
    const item = likeMessage(new Uint8Array(), random)
    const [name, secret] = [random.bytes(SENDER_BYTES), random.bytes(SECRET_BYTES)]
    const atMs = await this.#putForMyself(epoch, name, secret, item, signal)
    return { ...relay, canary: { mark: markOf(item), epoch, atMs } }
  }

  /** @returns when it was stored, by the relay's clock */
  async #putForMyself(
    epoch: number,
    name: Uint8Array,
    secret: Uint8Array<ArrayBuffer>,
    item: Uint8Array,
    signal: AbortSignal,
  ): Promise<number> {
    const owner = this.#components.identity.contactsMailbox(epoch)
    const mine = await grant(owner, epoch, name, secret)
    const { storedAtMs } = await this.#init.mailboxes.put(owner.publicKey, mine, item, signal)
    return storedAtMs
  }

  /** One of another installation of mine, or my announcement, which stays for others to see. */
  async #takeOwn(item: Uint8Array): Promise<ItemTaken> {
    try {
      const sealed = item.subarray(1, 1 + SEALED_OVERHEAD_BYTES + SIZE_CLASSES[0])
      const announcement = unpad(this.#components.identity.openOfMyself(sealed))
      const about = await this.#init.devices.hearOwn(announcement)
      return about === 'older' ? 'refused' : 'later'
    } catch (error) {
      // Of an earlier version, or rubbish: of use to nobody.
      if (error instanceof CannotOpenError) return 'refused'
      throw error
    }
  }
}

/** Whose name it was put under; null when I know nobody of that name, or it was put with work. */
function senderOf(
  { sender }: Entry,
  senders: ReadonlyMap<string, PeerIdString>,
): PeerIdString | null {
  return sender === null ? null : (senders.get(toBase64url(sender[0])) ?? null)
}

function placeOf(owner: Signer, number: number): string {
  return `${toBase64url(owner.publicKey)} ${number}`
}
