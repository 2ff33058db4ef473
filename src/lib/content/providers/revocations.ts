import type { Network, Peers } from '../../p2p/api.ts'
import { equalBytes } from '../../protocol/codec.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { PROVIDERS } from '../../protocol/providers.ts'
import { openRevocation, revocationKeyOf, revocationSubjectOf } from '../../protocol/revocation.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import { manifestHashOf, type ContentId } from '../content-id.ts'
import { MAX_ANNOUNCED, RENEW_MS, RETRY_MS, SETTLE_MS } from './announcer.ts'

/** Relays asked of one content: mine, and while it comes those of its link. */
const MAX_ASKED = 8

/** What somebody wants from here is asked of again after so long, ms: they come one after another. */
export const FRESH_MS = 60_000

/** A content that I have by somebody's link. */
export interface Held {
  content: ContentId
  /** Who shared it, as the link says: nobody else's word counts. */
  sharer: PeerIdString
  /** `host[:port]` of other relays than mine that are asked: none of what is all here, so that those do not see me come and go. */
  relays: readonly string[]
}

export interface RevocationsComponents {
  network: Pick<Network, 'askRelay' | 'addEventListener' | 'removeEventListener'>
  peers: Pick<Peers, 'myRelays'>
  clock: Clock
  log: Logger
}

export interface RevocationsInit {
  /** What I might give, or am getting: the latest first. */
  held: () => readonly Held[]
  /** Whoever shared it took it back. */
  revoked: (held: Held) => void
}

/**
 * Hears at relays when whoever shared what I have took it back: asks there when I get it, when a relay of mine is new, as
 * often as provider records are made anew, and when somebody wants it from here.
 */
export class Revocations implements Startable {
  readonly #components: RevocationsComponents
  readonly #init: RevocationsInit
  /** When it was asked last, and when it is asked again. */
  readonly #asked = new Map<ContentId, { atMs: number; againAtMs: number }>()
  #relays: readonly string[] = []
  #planned: { atMs: number; cancel: () => void } | null = null
  #stopping: AbortController | null = null
  #asking = false

  constructor(components: RevocationsComponents, init: RevocationsInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    if (this.#stopping !== null) return
    this.#stopping = new AbortController()
    this.#components.network.addEventListener('changed', this.look)
    this.look()
  }

  stop(): void {
    this.#stopping?.abort()
    this.#stopping = null
    this.#components.network.removeEventListener('changed', this.look)
    this.#planned?.cancel()
    this.#planned = null
    this.#asked.clear()
    this.#relays = []
  }

  /** What I have may have changed, or my relays. */
  readonly look = (): void => {
    this.#plan(SETTLE_MS)
  }

  /** Somebody wants it from here. */
  wanted(content: ContentId): void {
    const nowMs = this.#components.clock.now()
    const known = this.#asked.get(content)
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return
    const held = this.#init.held().find((each) => each.content === content)
    if (held === undefined) return
    this.#asked.set(content, { atMs: nowMs, againAtMs: known?.againAtMs ?? 0 })
    void this.#ask(held)
  }

  /** Unless it is planned to be sooner. */
  #plan(delayMs: number): void {
    const { clock } = this.#components
    const atMs = clock.now() + delayMs
    if (this.#stopping === null || (this.#planned !== null && this.#planned.atMs <= atMs)) return
    this.#planned?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#planned = null
      if (this.#asking) this.look()
      else void this.#askAll()
    })
    this.#planned = { atMs, cancel }
  }

  async #askAll(): Promise<void> {
    const { clock, peers } = this.#components
    const relays = peers.myRelays()
    // Without one of mine I am mostly offline. When there is one, I hear of it.
    if (relays.length === 0) return
    this.#asking = true
    if (relays.some((relay) => !this.#relays.includes(relay))) this.#asked.clear()
    this.#relays = relays
    // Looked for anew each time: what comes meanwhile goes before what has been here for long.
    for (let held = this.#due(); held !== null; held = this.#due()) {
      const { content } = held
      const atMs = clock.now()
      this.#asked.set(content, { atMs, againAtMs: atMs + RENEW_MS })
      if (await this.#ask(held)) continue
      if (this.#asked.has(content)) this.#asked.set(content, { atMs, againAtMs: atMs + RETRY_MS })
    }
    this.#asking = false
    const next = Math.min(...[...this.#asked.values()].map(({ againAtMs }) => againAtMs))
    if (Number.isFinite(next)) this.#plan(Math.max(SETTLE_MS, next - clock.now()))
  }

  /** The latest that is to be asked about now. What is here no more is forgotten. */
  #due(): Held | null {
    if (this.#stopping === null) return null
    const nowMs = this.#components.clock.now()
    const all = this.#init.held().slice(0, MAX_ANNOUNCED)
    const here = new Set(all.map(({ content }) => content))
    for (const known of [...this.#asked.keys()]) if (!here.has(known)) this.#asked.delete(known)
    return all.find(({ content }) => (this.#asked.get(content)?.againAtMs ?? 0) <= nowMs) ?? null
  }

  /** Asks my relays, one of them to ask others, and those where whoever shared it was. Whether any answered. */
  async #ask(held: Held): Promise<boolean> {
    const mine = this.#components.peers.myRelays()
    const asked = [...new Set([...mine, ...held.relays])].slice(0, MAX_ASKED)
    const answers = await Promise.all(
      asked.map((relay, index) => this.#askAt(relay, held, index === 0 ? 'network' : 'relay')),
    )
    return answers.includes(true)
  }

  /** Whether this relay answered. */
  async #askAt(relay: string, held: Held, scope: 'relay' | 'network'): Promise<boolean> {
    const { network, clock, log } = this.#components
    const stopping = this.#stopping
    if (stopping === null) return false
    const subject = revocationSubjectOf(manifestHashOf(held.content))
    try {
      const key = revocationKeyOf({ subject, peer: held.sharer })
      const request = { type: 'find', key, scope } as const
      const { signal } = stopping
      const answer = await network.askRelay(relay, PROVIDERS, request, { signal })
      if (answer.type !== 'providers') return false
      for (const bytes of answer.records) {
        const { peer, subject: revoked } = await openRevocation(bytes, clock.now())
        if (peer !== held.sharer || !equalBytes(revoked, subject)) continue
        signal.throwIfAborted()
        this.#init.revoked(held)
      }
      return true
    } catch (error) {
      log.debug(`${relay} was not asked what is given no more: ${String(error)}`)
      return false
    }
  }
}
