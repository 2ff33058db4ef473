import type { ContentId } from '../../content/content-id.ts'
import type { CopyStatus, RelayCopies, Wish } from '../../content/providers/copies.ts'
import type { Exchange } from '../../content/exchange/exchange.ts'
import type { Peers, PeersEvents } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import { MAX_COPIED_BYTES } from './api.ts'
import type { Roster } from './roster.ts'
import type { LiveTransfer } from './transfer.ts'

/** How long such a copy is wanted from when it was sent, in milliseconds. */
export const COPIED_FOR_MS = 7 * 24 * 60 * 60_000

/** Who is here begins to get it in this time, mostly: only then is a relay asked. */
export const PATIENCE_MS = 15_000

export interface AwaitedComponents {
  roster: Roster
  exchange: Exchange
  copies: () => Pick<RelayCopies, 'release'>
  peers: Pick<Peers, 'path' | 'addEventListener' | 'removeEventListener'>
  clock: Clock
}

/**
 * What was sent to people who have not got it yet. Until they have, a relay is to keep a copy of what is small enough, so
 * that they need not be here while I am.
 */
export class Awaited {
  readonly #components: AwaitedComponents
  #allowed = false

  constructor(components: AwaitedComponents) {
    this.#components = components
    const { exchange } = components
    exchange.addEventListener('served', ({ detail: { content, peer } }) => {
      const by = this.#find(content)?.row.awaited?.by ?? []
      void this.#left(
        content,
        by.filter((each) => each !== peer),
      )
    })
    // Who reads no more may have got all of it.
    exchange.addEventListener('readers', ({ detail: content }) => {
      const transfer = this.#find(content)
      if (transfer !== undefined) this.#ask(transfer)
    })
  }

  start(): void {
    this.#components.peers.addEventListener('path', this.#onPath)
  }

  stop(): void {
    this.#components.peers.removeEventListener('path', this.#onPath)
  }

  /** Who comes back may have got it meanwhile, or have got all of it when the path ended. */
  readonly #onPath = ({ detail: { peer, path } }: PeersEvents['path']): void => {
    if (path === 'offline') return
    for (const transfer of this.#components.roster.all) {
      if (transfer.row.awaited?.by.includes(peer) === true) this.#ask(transfer)
    }
  }

  /** Asks those who are here and do not read it whether they have got it. */
  #ask({ content, row: { awaited } }: LiveTransfer): void {
    const { exchange, peers } = this.#components
    if (content === null || awaited === null) return
    const reading = new Set(exchange.readers(content).map(({ peer }) => peer))
    for (const peer of awaited.by) {
      if (!reading.has(peer) && peers.path(peer) !== 'offline') exchange.inquire(content, peer)
    }
  }

  /** Whether relays are asked at all. What they keep already is taken back when they are not. */
  async allow(allowed: boolean): Promise<void> {
    if (this.#allowed === allowed) return
    this.#allowed = allowed
    const { roster, copies } = this.#components
    if (allowed) roster.changed()
    else {
      for (const transfer of roster.all) {
        const { content, row } = transfer
        if (row.awaited === null || row.copyUntilMs === null || content === null) continue
        await roster.note(transfer, { copyUntilMs: null })
        void copies().release(content)
      }
    }
  }

  /** This person is sent it now. */
  async by(transfer: LiveTransfer, peer: PeerIdString): Promise<void> {
    const { awaited, from } = transfer.row
    if (from?.peers.includes(peer) === true) return
    const by = [...new Set([...(awaited?.by ?? []), peer])]
    await transfer.find()
    const { roster, clock } = this.#components
    await roster.change(transfer, { awaited: { by, sinceMs: clock.now() } })
  }

  /** Null where no copy is to be kept. */
  wish({ row, content, holding }: LiveTransfer): Wish | null {
    const { awaited, completeAtMs, problem } = row
    if (!this.#allowed || content === null || problem !== null) return null
    if (awaited === null || completeAtMs === null) return null
    const bytes = holding?.manifest?.bytes ?? Infinity
    const untilMs = awaited.sinceMs + COPIED_FOR_MS
    if (bytes > MAX_COPIED_BYTES || untilMs <= this.#components.clock.now()) return null
    const { exchange, peers } = this.#components
    const reading = new Set(exchange.readers(content).map(({ peer }) => peer))
    if (awaited.by.every((peer) => reading.has(peer))) return null
    const away = awaited.by.some((peer) => peers.path(peer) === 'offline')
    return { content, bytes, fromMs: away ? 0 : awaited.sinceMs + PATIENCE_MS, untilMs }
  }

  /** A relay was asked. Only then is there anything to be taken back from it. */
  async asked(content: ContentId, { relay, taken }: CopyStatus): Promise<void> {
    const transfer = this.#find(content)
    const awaited = transfer?.row.awaited ?? null
    if (transfer === undefined || awaited === null || relay === null) return
    if (!this.#allowed) {
      void this.#components.copies().release(content)
      return
    }
    const untilMs = awaited.sinceMs + COPIED_FOR_MS
    if (transfer.row.copyUntilMs !== untilMs) {
      await this.#components.roster.note(transfer, { copyUntilMs: untilMs })
    }
    // The relay does not say who: nobody but those who were sent it knows of it.
    if (taken >= awaited.by.length) await this.#left(content, [])
  }

  /** Only these are still waited for. */
  async #left(content: ContentId, by: PeerIdString[]): Promise<void> {
    const transfer = this.#find(content)
    if (transfer === undefined || transfer.row.awaited === null) return
    const { roster, copies } = this.#components
    const { awaited, copyUntilMs } = transfer.row
    if (by.length > 0) {
      if (by.length < awaited.by.length)
        await roster.note(transfer, { awaited: { ...awaited, by } })
      return
    }
    await roster.note(transfer, { awaited: null, copyUntilMs: null })
    if (copyUntilMs !== null) await copies().release(content)
  }

  #find(content: ContentId): LiveTransfer | undefined {
    return this.#components.roster.all.find(
      ({ row }) => row.content === content && row.awaited !== null,
    )
  }
}
