import type { Network, Peers } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import {
  MAX_PROVIDER_RELAYS,
  PROVIDER_LIFE_MS,
  providerKeyOf,
  PROVIDERS,
  sealProviderRecord,
} from '../../protocol/providers.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import type { Signer } from '../../protocol/signed.ts'
import { manifestHashOf, type ContentId } from '../content-id.ts'

/** A record is made anew this often: three tries before the last one expires. */
export const RENEW_MS = PROVIDER_LIFE_MS / 4

/** A relay that did not take one is told again after this. */
export const RETRY_MS = 60_000

/** Relays come one after another at the start; a little after the last, all are told. */
export const SETTLE_MS = 500

/** Contents made known; of more, those that were given last. A relay keeps 256 records of one peer. */
export const MAX_ANNOUNCED = 200

export interface AnnouncerComponents {
  identity: Signer & { peer: PeerIdString }
  network: Pick<Network, 'askRelay' | 'addEventListener' | 'removeEventListener'>
  peers: Pick<Peers, 'myRelays'>
  clock: Clock
  log: Logger
}

export interface AnnouncerInit {
  /** What is given from here now, the latest first. */
  given: () => readonly ContentId[]
}

/**
 * Makes known at my relays what I give: when it begins, when a relay is new, and before a record expires. What I give no
 * more is taken back there.
 */
export class Announcer implements Startable {
  readonly #components: AnnouncerComponents
  readonly #init: AnnouncerInit
  /** What each relay was told of, and when it is told again. */
  readonly #told = new Map<string, Map<ContentId, number>>()
  #planned: { atMs: number; cancel: () => void } | null = null
  #running = false
  #telling = false

  constructor(components: AnnouncerComponents, init: AnnouncerInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#components.network.addEventListener('changed', this.look)
    this.look()
  }

  stop(): void {
    this.#running = false
    this.#components.network.removeEventListener('changed', this.look)
    this.#planned?.cancel()
    this.#planned = null
    this.#told.clear()
  }

  /** What is given may have changed, or my relays. */
  readonly look = (): void => {
    this.#plan(SETTLE_MS)
  }

  /** Unless it is planned to be sooner. */
  #plan(delayMs: number): void {
    const { clock } = this.#components
    const atMs = clock.now() + delayMs
    if (!this.#running || (this.#planned !== null && this.#planned.atMs <= atMs)) return
    this.#planned?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#planned = null
      if (this.#telling) this.look()
      else void this.#tellAll()
    })
    this.#planned = { atMs, cancel }
  }

  async #tellAll(): Promise<void> {
    const { peers, clock } = this.#components
    this.#telling = true
    const relays = peers.myRelays()
    const contents = this.#init.given().slice(0, MAX_ANNOUNCED)
    // A relay that went may have forgotten everything when it is back.
    for (const relay of [...this.#told.keys()])
      if (!relays.includes(relay)) this.#told.delete(relay)
    for (const relay of relays) {
      const told = this.#told.get(relay) ?? new Map<ContentId, number>()
      this.#told.set(relay, told)
      await this.#withdraw(relay, told, contents)
      await this.#tell(relay, told, contents)
    }
    this.#telling = false
    const next = Math.min(...[...this.#told.values()].flatMap((told) => [...told.values()]))
    if (Number.isFinite(next)) this.#plan(Math.max(SETTLE_MS, next - clock.now()))
  }

  /** Tells one relay what is due; when it does not take something, the rest waits with it. */
  async #tell(
    relay: string,
    told: Map<ContentId, number>,
    contents: readonly ContentId[],
  ): Promise<void> {
    const { network, clock, log } = this.#components
    for (const content of contents) {
      if (!this.#running) return
      if ((told.get(content) ?? 0) > clock.now()) continue
      try {
        const record = await this.#record(content)
        const answer = await network.askRelay(relay, PROVIDERS, { type: 'provide', record })
        if (answer.type !== 'stored') throw new Error(answer.type)
        told.set(content, clock.now() + RENEW_MS)
      } catch (error) {
        log.debug(`${relay} was not told of a content: ${String(error)}`)
        const againAtMs = clock.now() + RETRY_MS
        for (const each of contents) told.set(each, Math.max(told.get(each) ?? 0, againAtMs))
        return
      }
    }
  }

  #record(content: ContentId): Promise<Uint8Array<ArrayBuffer>> {
    const { identity, peers, clock } = this.#components
    const madeAtMs = clock.now()
    return sealProviderRecord(
      {
        key: providerKeyOf(manifestHashOf(content)),
        peer: identity.peer,
        relays: peers.myRelays().slice(0, MAX_PROVIDER_RELAYS),
        madeAtMs,
        expiresAtMs: madeAtMs + PROVIDER_LIFE_MS,
      },
      identity,
    )
  }

  /** Takes back what is given no more. */
  async #withdraw(
    relay: string,
    told: Map<ContentId, number>,
    contents: readonly ContentId[],
  ): Promise<void> {
    const { network, log } = this.#components
    for (const content of [...told.keys()]) {
      if (contents.includes(content)) continue
      told.delete(content)
      try {
        const key = providerKeyOf(manifestHashOf(content))
        await network.askRelay(relay, PROVIDERS, { type: 'withdraw', key })
      } catch (error) {
        // It expires there.
        log.debug(`${relay} was not told that a content is gone: ${String(error)}`)
      }
    }
  }
}
