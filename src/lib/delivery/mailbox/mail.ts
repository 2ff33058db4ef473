import { TypedEventEmitter } from 'main-event'
import { RETENTION_MS } from '../../crypto/prekeys.ts'
import type { MessagingIdentity } from '../../crypto/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../../protocol/seams.ts'
import type { Delivery } from '../delivery.ts'
import type { ItemTaken } from '../post.ts'
import type { Devices } from '../devices.ts'
import type { Place } from '../../protocol/place.ts'
import type { Mail, Sealer } from '../seams.ts'
import { Deposits, type Contactable } from './deposits.ts'
import { OwnMailboxes } from './own-mailboxes.ts'
import type { MailboxRelay, MailboxRelayStore, WakeUpsStore } from './store.ts'
import type { MailboxTransport } from './transport.ts'
import type { WakeAddress, WakeUps } from './wake-ups.ts'

/**
 * A peer whose items do not open is told so this often, ms: each time a session is begun. Less than mailboxes of all
 * epochs are left alone: what waited meanwhile is then looked at again (own-mailboxes.ts).
 */
const LOST_PAUSE_MS = 30 * 60 * 1000

/** Marks of opened items are kept for as long as a prekey may that opened one, ms. */
const MARKS_LIFE_MS = RETENTION_MS

export interface MailboxMailComponents {
  identity: MessagingIdentity
  sealer: Pick<Sealer, 'publish'>
  transport: MailboxTransport
  store: MailboxRelayStore
  wakeUps: WakeUpsStore
  marks: { forgetOpened(beforeMs: number): Promise<void> }
  devices: Pick<Devices, 'announcement' | 'hearOwn'>
  clock: Clock
  random: Random
  logger: Logger
}

export interface MailboxMailInit {
  delivery: Pick<Delivery, 'post' | 'tellPlace'>
  /** See `OwnMailboxesComponents`. */
  relays(): string[]
  contacts(): PeerIdString[]
  contactable(peer: PeerIdString): Contactable | null
}

export interface MailEvents {
  /** Other relays keep my mailboxes now. */
  moved: CustomEvent
}

/** Writes to people who sleep, and reads what they wrote while I did: through the mailboxes of relays. */
export class MailboxMail extends TypedEventEmitter<MailEvents> implements Mail, Startable {
  readonly #components: MailboxMailComponents
  readonly #init: MailboxMailInit
  readonly #own: OwnMailboxes
  readonly #deposits: Deposits
  readonly #toldLostAtMs = new Map<PeerIdString, number>()

  constructor(components: MailboxMailComponents, init: MailboxMailInit) {
    super()
    this.#components = components
    this.#init = init
    this.#own = new OwnMailboxes(
      { ...components, relays: () => init.relays() },
      {
        contacts: () => init.contacts(),
        take: (item, from) => this.#take(item, from),
        onMoved: () => {
          init.delivery.tellPlace().catch((error: unknown) => {
            components.logger.error('not everybody is told where I am', error)
          })
          this.safeDispatchEvent('moved')
        },
      },
    )
    this.#deposits = new Deposits(components, {
      delivery: init.delivery.post,
      contactable: (peer) => init.contactable(peer),
      follow: (card, signal) => this.#own.follow(card, signal),
    })
  }

  async start(): Promise<void> {
    const { clock, marks } = this.#components
    await marks.forgetOpened(clock.now() - MARKS_LIFE_MS)
    await this.#own.start()
    await this.#deposits.start()
  }

  async stop(): Promise<void> {
    await this.#deposits.stop()
    await this.#own.stop()
  }

  post(peer: PeerIdString): void {
    this.#deposits.post(peer)
  }

  place(peer: PeerIdString): Promise<Place> {
    return this.#own.place(peer)
  }

  /** The relays that keep my mailboxes, and did. */
  relays(): MailboxRelay[] {
    return this.#own.relays()
  }

  /** How being woken stands. */
  get wakeUps(): Pick<WakeUps, 'state' | 'addEventListener' | 'removeEventListener'> {
    return this.#own.wakeUps
  }

  /** Where relays are to wake this browser; null: nowhere any more. @throws StorageFullError */
  wakeAt(address: WakeAddress | null): Promise<void> {
    return this.#own.wakeAt(address)
  }

  /** Looks for what came, and resolves when every relay was visited or did not answer. */
  visit(): Promise<void> {
    return this.#own.visit()
  }

  /** My relays have changed. */
  relaysChanged(): void {
    this.#own.relaysChanged()
  }

  /** Everything is tried at once. */
  wake(): void {
    this.#own.wake()
    this.#deposits.wake()
  }

  async #take(item: Uint8Array, from: PeerIdString | null): Promise<ItemTaken> {
    const { post } = this.#init.delivery
    const sender = from ?? (await post.senderOf(item, this.#init.contacts()))
    // Nobody's: there is no key that would open it.
    if (sender === null) return 'unopened'
    const taken = await post.receiveItem(sender, item)
    if (taken !== 'unopened' || from === null) return taken
    // It stays until they are told: what is removed untold they would take for delivered to the relay for good.
    return (await this.#tellLost(from)) ? 'unopened' : 'later'
  }

  /** Has them seal anew all that is not here; false when it is too soon to tell them again. */
  async #tellLost(peer: PeerIdString): Promise<boolean> {
    const { post } = this.#init.delivery
    const owed = await post.owed(peer)
    // What they are about to be told is of this one, too.
    if (owed.some(({ lost, sealed }) => lost && sealed === null)) return true
    const nowMs = this.#components.clock.now()
    const toldAtMs = this.#toldLostAtMs.get(peer) ?? -Infinity
    if (Math.abs(nowMs - toldAtMs) < LOST_PAUSE_MS) return false
    this.#toldLostAtMs.set(peer, nowMs)
    await post.owe(peer, 'status', true)
    return true
  }
}
