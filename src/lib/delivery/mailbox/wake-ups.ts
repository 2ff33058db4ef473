/**
 * Which relay wakes this browser when something comes for me. A push subscription is bound to the key of one relay
 * (RFC 8292), so one wakes, or several that share a store and with it the key. It is told for the mailboxes of this
 * epoch and of the next, so that who sleeps over the end of one is woken all the same.
 */
import { TypedEventEmitter } from 'main-event'
import type { MessagingIdentity } from '../../crypto/api.ts'
import { epochOf } from '../../crypto/mailbox-keys.ts'
import type { WakeUpsRow } from '../../db/schema.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import type { Logger } from '../../protocol/seams.ts'
import type { Signer } from '../../protocol/signed.ts'
import { Turns } from '../../protocol/turns.ts'
import { RefusedError } from './errors.ts'
import type { RelayMailboxes } from './relay-mailboxes.ts'
import type { WakeUpsStore } from './store.ts'

/** A relay is told again after this, ms: it forgets 30 days later, and nothing else says that it did. */
const TELL_AGAIN_MS = 7 * 24 * 60 * 60 * 1000

/** Epochs before this one in which a relay may still know the address. */
const EPOCHS_REMEMBERED = 2

/** A push subscription of this browser. */
export type WakeAddress = NonNullable<WakeUpsRow['address']>

/** What a relay was told last. */
type Told = WakeUpsRow['told'][number]

/** How being woken stands. */
export interface WakeUpsState {
  /** The subscription that relays are to know; null: nobody wakes this browser. */
  address: WakeAddress | null
  /** Key (RFC 8292, base64url) a subscription is to be for; null while no relay of mine is known to wake. */
  key: string | null
  /** Whether all relays of mine have said by now whether they wake. */
  asked: boolean
  /** The relay that wakes, once it knows the address; null before. */
  relay: string | null
  /** The relay does not take the address. */
  refused: boolean
}

/** A relay that keeps mailboxes of mine, or did. */
export interface WakingRelay {
  address: string
  mailboxes: Pick<RelayMailboxes, 'wakeKey' | 'now' | 'wakeAt'>
  /** People are told to write to it. */
  active: boolean
}

export interface WakeUpsComponents {
  identity: MessagingIdentity
  store: WakeUpsStore
  logger: Logger
}

export interface WakeUpsInit {
  /** In the order of preference. */
  relays(): readonly WakingRelay[]
}

export class WakeUps extends TypedEventEmitter<{ changed: CustomEvent }> {
  readonly #components: WakeUpsComponents
  readonly #init: WakeUpsInit
  readonly #turns = new Turns<'row'>()
  #row: WakeUpsRow = { key: 'me', address: null, told: [] }
  /** Relays that do not take the address. */
  readonly #refused = new Set<string>()

  constructor(components: WakeUpsComponents, init: WakeUpsInit) {
    super()
    this.#components = components
    this.#init = init
  }

  async start(): Promise<void> {
    this.#row = (await this.#components.store.get()) ?? this.#row
  }

  get state(): WakeUpsState {
    const { address } = this.#row
    const active = this.#init.relays().filter((relay) => relay.active)
    const keys = active.map(({ mailboxes }) => keyOf(mailboxes.wakeKey))
    const knows = active.find((relay) => address !== null && this.#knows(relay, address))
    const kept = knows !== undefined || (address !== null && keys.includes(address.key))
    return {
      address,
      key: kept ? address!.key : (keys.find((key) => typeof key === 'string') ?? null),
      asked: active.length > 0 && !keys.includes(undefined),
      relay: knows?.address ?? null,
      refused: active.some((relay) => this.#refused.has(relay.address)),
    }
  }

  /** Durable when it resolves; relays are told at the next visit. @throws StorageFullError */
  async wakeAt(address: WakeAddress | null): Promise<void> {
    this.#refused.clear()
    await this.#change((row) => ({ ...row, address }))
  }

  /** Whether what comes there wakes this browser, or may soon: also what it puts there itself. */
  wakesFor(relay: WakingRelay): boolean {
    return this.#toldTo(relay.address)?.endpoint != null || this.#endpointFor(relay) !== null
  }

  /**
   * Tells a relay what it has to know, if anything.
   * @returns whether it knows; if not, it can be told in a second
   * @throws NoAnswerError, LyingRelayError, RefusedError, StorageFullError
   */
  async tell(relay: WakingRelay, signal: AbortSignal): Promise<boolean> {
    const { mailboxes } = relay
    const told = this.#toldTo(relay.address)
    const endpoint = this.#endpointFor(relay)
    if (endpoint === null && (told === null || told.endpoint === null)) return true
    const nowMs = await mailboxes.now(signal)
    const epoch = epochOf(nowMs)
    const ageMs = told === null ? Infinity : Math.abs(nowMs - told.atMs)
    const isSame = told?.endpoint === endpoint && told.epoch === epoch && told.unsure !== true
    if (isSame && ageMs < TELL_AGAIN_MS) return true
    // Of two requests of one second a relay keeps the first.
    if (ageMs < 1_000) return false
    const since = Math.max(told?.since ?? epoch, epoch - EPOCHS_REMEMBERED)
    const now: Told = { relay: relay.address, endpoint, since, epoch, atMs: nowMs }
    // One that does not answer to the end has to be told, too, when it is to wake no longer.
    if (told === null || told.endpoint === null) await this.#keepTold({ ...now, unsure: true })
    try {
      const first = endpoint === null ? since : epoch
      for (let each = first; each <= epoch + 1; each++) {
        for (const owner of this.#owners(each)) await mailboxes.wakeAt(owner, endpoint, signal)
      }
    } catch (error) {
      const notTaken = error instanceof RefusedError && error.refusal.reason === 'not-allowed'
      if (!notTaken || endpoint === null) throw error
      this.#components.logger.warn(`${relay.address} does not wake: ${error.message}`)
      // Not while another is wanted meanwhile.
      if (this.#endpointFor(relay) === endpoint) this.#refused.add(relay.address)
      this.safeDispatchEvent('changed')
      return true
    }
    this.#refused.delete(relay.address)
    await this.#keepTold({ ...now, atMs: await mailboxes.now(signal) })
    return true
  }

  /** A relay said whether it wakes. */
  heard(): void {
    this.safeDispatchEvent('changed')
  }

  #owners(epoch: number): Signer[] {
    const { identity } = this.#components
    return [identity.contactsMailbox(epoch), identity.introductionMailbox(epoch)]
  }

  /** Where a relay is to wake; null: nowhere, or no longer. */
  #endpointFor({ active, mailboxes }: WakingRelay): string | null {
    const { address } = this.#row
    const isFor = active && address !== null && address.key === keyOf(mailboxes.wakeKey)
    return isFor ? address.endpoint : null
  }

  #knows(relay: WakingRelay, { endpoint, key }: WakeAddress): boolean {
    const offered = keyOf(relay.mailboxes.wakeKey)
    // Before it was asked it counts for the one it was.
    if (offered !== undefined && offered !== key) return false
    const told = this.#toldTo(relay.address)
    return told?.endpoint === endpoint && told.unsure !== true
  }

  #toldTo(relay: string): Told | null {
    return this.#row.told.find((each) => each.relay === relay) ?? null
  }

  #keepTold(told: Told): Promise<void> {
    return this.#change((row) => {
      return { ...row, told: [...row.told.filter(({ relay }) => relay !== told.relay), told] }
    })
  }

  /** One after another: each begins with what the one before has kept. */
  #change(change: (row: WakeUpsRow) => WakeUpsRow): Promise<void> {
    return this.#turns.run('row', async () => {
      const row = change(this.#row)
      await this.#components.store.put(row)
      this.#row = row
      this.safeDispatchEvent('changed')
    })
  }
}

/** undefined: it was not asked yet; null: it wakes nobody. */
function keyOf(wakeKey: Uint8Array | null | undefined): string | null | undefined {
  return wakeKey instanceof Uint8Array ? toBase64url(wakeKey) : wakeKey
}
