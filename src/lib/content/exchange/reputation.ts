import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import type { ContentId } from '../content-id.ts'
import type { Part } from '../parts.ts'

/** Sources that are remembered; beyond, the one heard of longest ago goes, who lied after all others. */
export const MAX_REMEMBERED = 1_000

/** Why a peer is asked for nothing until the person lifts it: what it gave does not hash to what the content says. */
export interface Ban {
  content: ContentId
  part: Part
  /** SHA-256 of what it gave; earlier versions did not note it. */
  gave?: Uint8Array<ArrayBuffer>
}

/** What is remembered of a source. It stays on this device: what others say of others proves nothing. */
export interface SourceRow {
  peer: PeerIdString
  /** Given and right, over all time. */
  bytes: number
  /** When it gave last. */
  bytesPerSecond: number
  /** How often it was tried in vain since it gave last. */
  failures: number
  /** The part it gave that was wrong. */
  ban: Ban | null
  heardAtMs: number
}

export interface SourceStore {
  all(): Promise<SourceRow[]>
  put(row: SourceRow): Promise<void>
  delete(peer: PeerIdString): Promise<void>
}

export interface ReputationComponents {
  /** Null: it is forgotten when this host ends. */
  store: SourceStore | null
  clock: Pick<Clock, 'now'>
  log: Logger
}

/** How sources did before: how fast they were, how often they were tried in vain, and who lied. */
export class Reputation {
  readonly #components: ReputationComponents
  readonly #rows = new Map<PeerIdString, SourceRow>()

  constructor(components: ReputationComponents) {
    this.#components = components
  }

  /** Reads what is remembered; what was learned meanwhile stays. */
  async load(): Promise<void> {
    const rows = (await this.#components.store?.all()) ?? []
    for (const row of rows.toSorted((a, b) => a.heardAtMs - b.heardAtMs)) {
      if (!this.#rows.has(row.peer)) this.#rows.set(row.peer, row)
    }
  }

  isBanned(peer: PeerIdString): boolean {
    return this.banOf(peer) !== null
  }

  /** Why this peer is asked for nothing; null: it is not banned. */
  banOf(peer: PeerIdString): Ban | null {
    return this.#rows.get(peer)?.ban ?? null
  }

  /** Who is banned, and why; who was heard of last comes last. */
  get bans(): [PeerIdString, Ban][] {
    return [...this.#rows.values()].flatMap(({ peer, ban }): [PeerIdString, Ban][] =>
      ban === null ? [] : [[peer, ban]],
    )
  }

  /** Who gave something wrong of this content. */
  liarsOf(content: ContentId): PeerIdString[] {
    return this.bans.filter(([, ban]) => ban.content === content).map(([peer]) => peer)
  }

  /** The larger the sooner it is tried: 0 for one who is not known, less for one who was tried in vain. */
  rankOf(peer: PeerIdString): number {
    const row = this.#rows.get(peer)
    if (row === undefined) return 0
    return Math.log2(1 + row.bytesPerSecond / 1_024) - 10 * row.failures
  }

  gave(peer: PeerIdString, bytes: number, bytesPerSecond: number): void {
    const row = this.#row(peer)
    this.#note({ ...row, bytes: row.bytes + bytes, bytesPerSecond, failures: 0 })
  }

  failed(peer: PeerIdString): void {
    const row = this.#row(peer)
    this.#note({ ...row, failures: row.failures + 1 })
  }

  ban(peer: PeerIdString, ban: Ban): void {
    this.#note({ ...this.#row(peer), ban })
  }

  /** Takes a ban back; what else is remembered stays. */
  pardon(peer: PeerIdString): void {
    if (this.isBanned(peer)) this.#note({ ...this.#row(peer), ban: null })
  }

  #row(peer: PeerIdString): SourceRow {
    const fresh = { peer, bytes: 0, bytesPerSecond: 0, failures: 0, ban: null, heardAtMs: 0 }
    return this.#rows.get(peer) ?? fresh
  }

  #note(row: SourceRow): void {
    const { clock } = this.#components
    this.#rows.delete(row.peer)
    this.#rows.set(row.peer, { ...row, heardAtMs: clock.now() })
    this.#keep((store) => store.put(this.#rows.get(row.peer)!))
    if (this.#rows.size <= MAX_REMEMBERED) return
    const rows = [...this.#rows.values()]
    const { peer } = rows.find(({ ban }) => ban === null) ?? rows[0]!
    this.#rows.delete(peer)
    this.#keep((store) => store.delete(peer))
  }

  /** Where nothing can be written it holds until the host ends. */
  #keep(write: (store: SourceStore) => Promise<void>): void {
    const { store, log } = this.#components
    if (store === null) return
    write(store).catch((error: unknown) => {
      log.warn(`what is known of a source is not kept: ${String(error)}`)
    })
  }
}
