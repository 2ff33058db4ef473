import type { Identity } from '../../crypto/api.ts'
import { live } from '../../db/live.ts'
import type { Network, Peers } from '../../p2p/api.ts'
import { equalLists } from '../../protocol/equal-lists.ts'
import type { Logger } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { ProfileApi } from '../profile/api.ts'
import type { MyCode } from './api.ts'
import { cardFragment, MAX_CARD_RELAYS, sealCard, type Card } from './card.ts'
import { plainCode } from './code.ts'

export interface MyCardComponents {
  identity: Identity
  peers: Pick<Peers, 'myRelays'>
  /** Its `changed` tells when my relays or addresses may have. */
  network: Pick<Network, 'addresses' | 'addEventListener' | 'removeEventListener'>
  profile: Pick<ProfileApi, 'watchProfile'>
  logger: Logger
}

/** The card I show, signed anew whenever what is on it changes. */
export class MyCard {
  readonly #components: MyCardComponents
  readonly #onRenewed: () => Promise<void>
  readonly #listeners = new Set<() => void>()
  readonly #turns = new Turns<'card'>()
  #sealed: { bytes: Uint8Array; name: string; relays: string[] } | null = null
  #name: string | null = null
  #life: AbortController | null = null

  /** @param onRenewed there is another card from now on */
  constructor(components: MyCardComponents, onRenewed: () => Promise<void>) {
    this.#components = components
    this.#onRenewed = onRenewed
  }

  start(): void {
    this.#life = new AbortController()
    this.#components.network.addEventListener('changed', this.#onNetwork)
    void this.#followProfile(this.#life.signal)
  }

  async stop(): Promise<void> {
    this.#life?.abort()
    this.#life = null
    this.#components.network.removeEventListener('changed', this.#onNetwork)
    await this.#turns.idle()
  }

  /** As it is sent; null until the profile was heard of. */
  get bytes(): Uint8Array | null {
    return this.#sealed?.bytes ?? null
  }

  async *watchCode(options?: AbortOptions): AsyncIterable<MyCode> {
    const codes = live(() => Promise.resolve(this.#code()), {
      ...options,
      changes: (again) => {
        this.#listeners.add(again)
        return () => {
          this.#listeners.delete(again)
        }
      },
    })
    for await (const code of codes) if (code !== null) yield code
  }

  #code(): MyCode | null {
    if (this.#sealed === null) return null
    const { identity, network } = this.#components
    return {
      fragment: cardFragment(this.#sealed.bytes),
      plain: plainCode(identity.peer, plainAddress(network.addresses())),
    }
  }

  async #followProfile(signal: AbortSignal): Promise<void> {
    try {
      for await (const profile of this.#components.profile.watchProfile({ signal })) {
        this.#name = profile?.name ?? null
        await this.#renew()
      }
    } catch (error) {
      if (!signal.aborted) this.#components.logger.error('lost sight of the profile', error)
    }
  }

  readonly #onNetwork = (): void => {
    void this.#renew().catch((error: unknown) => {
      this.#components.logger.error('no new card', error)
    })
  }

  /** Signs it anew when what is on it changed. */
  async #renew(): Promise<void> {
    const changed = await this.#turns.run('card', () => this.#seal())
    // The plain form may change without the card.
    for (const again of [...this.#listeners]) again()
    if (changed) await this.#onRenewed()
  }

  /** Whether there is another card now. */
  async #seal(): Promise<boolean> {
    const { identity, peers } = this.#components
    const name = this.#name
    const relays = peers.myRelays().slice(0, MAX_CARD_RELAYS)
    if (name === null) return false
    if (this.#sealed?.name === name && equalLists(this.#sealed.relays, relays)) return false
    const { peer, keyCommitment } = identity
    const card: Card = { peer, name, keyCommitment, relays, expiresAtMs: null }
    this.#sealed = { bytes: await sealCard(card, identity), name, relays }
    return true
  }
}

/** Of my addresses the one that says most to others: through a relay with a name, and nothing in it that expires. */
function plainAddress(addresses: string[]): string | null {
  const lasting = addresses.filter(
    (address) => address.includes('/p2p-circuit') && !/\/(?:certhash|webrtc)(?:\/|$)/.test(address),
  )
  return lasting.find((address) => address.startsWith('/dns')) ?? lasting[0] ?? null
}
