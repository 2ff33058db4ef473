import type { Network, Peers } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import {
  MAX_PROVIDER_RELAYS,
  PROVIDER_LIFE_MS,
  providerKeyOf,
  PROVIDERS,
  sealProviderRecord,
  type ProvidersRequest,
} from '../../protocol/providers.ts'
import {
  REVOCATION_LIFE_MS,
  revocationSubjectOf,
  sealRevocation,
} from '../../protocol/revocation.ts'
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

/** Contents that are said to be given no more, of more those that were shared last: with the others, as many as a relay keeps. */
export const MAX_REVOKED = 50

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
  /** What I had shared and took back, the latest first. */
  revoked: () => readonly Revoked[]
}

/** A content that is given no more by anybody, if they are honest. */
export interface Revoked {
  content: ContentId
  /** Nobody gives it from then on anyway; null: no such time. */
  untilMs: number | null
}

/** What a relay is told of one content, and kept there. */
interface Statement {
  /** What it takes to say that it is so no more; null: it stays said. */
  withdraw: ProvidersRequest | null
  record: () => Promise<Uint8Array<ArrayBuffer>>
}

/** The same, and when it is told again. */
interface Told extends Statement {
  againAtMs: number
}

/**
 * Makes known at my relays what I give: when it begins, when a relay is new, and before a record expires. What I give no
 * more is taken back there. What I had shared and took back is made known in the same way, so that others hear of it.
 */
export class Announcer implements Startable {
  readonly #components: AnnouncerComponents
  readonly #init: AnnouncerInit
  /** What each relay was told of, and when it is told again. */
  readonly #told = new Map<string, Map<string, Told>>()
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
    const statements = this.#statements()
    // A relay that went may have forgotten everything when it is back.
    for (const relay of [...this.#told.keys()])
      if (!relays.includes(relay)) this.#told.delete(relay)
    for (const relay of relays) {
      const told = this.#told.get(relay) ?? new Map<string, Told>()
      this.#told.set(relay, told)
      await this.#withdraw(relay, told, statements)
      await this.#tell(relay, told, statements)
    }
    this.#telling = false
    const next = Math.min(
      ...[...this.#told.values()].flatMap((told) =>
        [...told.values()].map(({ againAtMs }) => againAtMs),
      ),
    )
    if (Number.isFinite(next)) this.#plan(Math.max(SETTLE_MS, next - clock.now()))
  }

  /** All there is to say, each by a name of its own: first what others are to hear of. */
  #statements(): Map<string, Statement> {
    const statements = new Map<string, Statement>()
    for (const { content, untilMs } of this.#init.revoked().slice(0, MAX_REVOKED)) {
      statements.set(`revoked ${content}`, {
        withdraw: null,
        record: () => this.#revocation(content, untilMs),
      })
    }
    for (const content of this.#init.given().slice(0, MAX_ANNOUNCED)) {
      const key = providerKeyOf(manifestHashOf(content))
      statements.set(content, {
        withdraw: { type: 'withdraw', key },
        record: () => this.#record(key),
      })
    }
    return statements
  }

  /** Tells one relay what is due; when it does not take something, the rest waits with it. */
  async #tell(
    relay: string,
    told: Map<string, Told>,
    statements: ReadonlyMap<string, Statement>,
  ): Promise<void> {
    const { network, clock, log } = this.#components
    for (const [name, statement] of statements) {
      if (!this.#running) return
      if ((told.get(name)?.againAtMs ?? 0) > clock.now()) continue
      try {
        const record = await statement.record()
        const answer = await network.askRelay(relay, PROVIDERS, { type: 'provide', record })
        // A relay of before knows no revocation: the rest does not wait for that, and it is told no sooner.
        const invalid = answer.type === 'refused' && answer.reason === 'invalid'
        const unknown = statement.withdraw === null && invalid
        if (answer.type !== 'stored' && !unknown) throw new Error(answer.type)
        told.set(name, { ...statement, againAtMs: clock.now() + RENEW_MS })
      } catch (error) {
        log.debug(`${relay} was not told of a content: ${String(error)}`)
        const retryAtMs = clock.now() + RETRY_MS
        for (const [each, rest] of statements) {
          const againAtMs = Math.max(told.get(each)?.againAtMs ?? 0, retryAtMs)
          told.set(each, { ...rest, againAtMs })
        }
        return
      }
    }
  }

  #record(key: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const { identity, peers, clock } = this.#components
    const madeAtMs = clock.now()
    return sealProviderRecord(
      {
        key,
        peer: identity.peer,
        relays: peers.myRelays().slice(0, MAX_PROVIDER_RELAYS),
        madeAtMs,
        expiresAtMs: madeAtMs + PROVIDER_LIFE_MS,
      },
      identity,
    )
  }

  #revocation(content: ContentId, untilMs: number | null): Promise<Uint8Array<ArrayBuffer>> {
    const { identity, clock } = this.#components
    const madeAtMs = clock.now()
    return sealRevocation(
      {
        subject: revocationSubjectOf(manifestHashOf(content)),
        peer: identity.peer,
        madeAtMs,
        expiresAtMs: Math.min(untilMs ?? Infinity, madeAtMs + REVOCATION_LIFE_MS),
      },
      identity,
    )
  }

  /** Takes back what is given no more. */
  async #withdraw(
    relay: string,
    told: Map<string, Told>,
    statements: ReadonlyMap<string, Statement>,
  ): Promise<void> {
    const { network, log } = this.#components
    for (const [name, { withdraw }] of [...told]) {
      if (statements.has(name)) continue
      told.delete(name)
      if (withdraw === null) continue
      try {
        await network.askRelay(relay, PROVIDERS, withdraw)
      } catch (error) {
        // It expires there.
        log.debug(`${relay} was not told that a content is gone: ${String(error)}`)
      }
    }
  }
}
