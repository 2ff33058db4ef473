import type { Download } from '../../content/exchange/download.ts'
import type { Exchange } from '../../content/exchange/exchange.ts'
import { isFolder } from '../../content/folders.ts'
import type { Held } from '../../content/providers/revocations.ts'
import { Seeker, type SeekerComponents } from '../../content/providers/seeker.ts'
import type { PartStore } from '../../content/store/part-store.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { TransferProblem } from './api.ts'
import type { Company } from './company.ts'
import type { Link } from './link.ts'
import type { Roster } from './roster.ts'
import type { Totals } from './totals.ts'
import type { LiveTransfer } from './transfer.ts'

/** Who has one content by all links to it that were opened here, and their relays: beyond, others are found by a seeker. */
const MAX_NAMED_PEERS = 8
const MAX_NAMED_RELAYS = 8

export interface GettingComponents {
  totals: Pick<Totals, 'count'>
  roster: Roster
  parts: PartStore
  exchange: Exchange
  company: Company
  /** Who and what a seeker looks with; `self` is not looked for. */
  seeking: Omit<SeekerComponents, 'exchange' | 'meeting'> & { self: PeerIdString }
  /** Whether others are given it, once it is here. */
  passedOn: (transfer: LiveTransfer) => boolean
  clock: Clock
}

/** Gets what links lead to, from whoever is known to have it. */
export class Getting {
  readonly #components: GettingComponents

  constructor(components: GettingComponents) {
    this.#components = components
  }

  /** Gets what is missing, where that is wanted. */
  begin(transfer: LiveTransfer): void {
    const { exchange, company, roster, seeking, totals, clock } = this.#components
    const { row, holding } = transfer
    if (holding === null || transfer.download !== null) return
    if (!transfer.wanted || row.from === null) return
    const download = exchange.get(holding)
    transfer.download = download
    download.addEventListener('changed', roster.changed)
    download.addEventListener('got', ({ detail: bytes }) => {
      transfer.traffic.count('down', bytes, clock.now())
      totals.count('down', bytes)
    })
    download.addEventListener('taken', ({ detail: part }) => {
      if (transfer.opened === null && part.kind === 'leaf') void this.#learn(transfer)
    })
    download.addEventListener('complete', () => {
      void this.#completed(transfer, download)
    })
    download.addEventListener('failed', ({ detail: problem }) => {
      void this.#failed(transfer, problem)
    })
    download.addEventListener('refused', ({ detail: { peer, reason } }) => {
      // Only the word of who shares it counts: others may have taken it out, or may lie.
      if (peer !== row.from?.peers[0] || reason === 'unknown' || reason === 'busy') return
      void this.#failed(transfer, reason)
    })
    for (const peer of row.from.peers) {
      company.want(peer, row.from.relays, row.id)
      exchange.from(holding.content, peer)
    }
    transfer.seeker = new Seeker(
      { ...seeking, exchange, meeting: company },
      { self: seeking.self, download, reason: row.id, from: row.from },
    )
    transfer.seeker.start()
    if (holding.complete) void this.#completed(transfer, download)
  }

  /**
   * Another link says who has it: they are asked as well. Where it had failed the new link's word counts from now on, and it
   * is tried again.
   */
  async alsoFrom(transfer: LiveTransfer, link: Pick<Link, 'peers' | 'relays'>): Promise<void> {
    const { from, problem, completeAtMs } = transfer.row
    if (from === null || completeAtMs !== null) return
    if (link.peers.every((peer) => from.peers.includes(peer))) return
    const [first, second] = problem === null ? [from, link] : [link, from]
    await this.#components.roster.change(transfer, {
      from: {
        peers: [...new Set([...first.peers, ...second.peers])].slice(0, MAX_NAMED_PEERS),
        relays: [...new Set([...first.relays, ...second.relays])].slice(0, MAX_NAMED_RELAYS),
      },
      problem: null,
    })
    // It begins anew, with all of them.
    this.halt(transfer)
  }

  /**
   * What is here by a link and given to others, or comes: the latest first. Relays of the link are asked for what comes anyway;
   * of what is all here only mine are, which know that I give it.
   */
  held(): Held[] {
    const { roster, clock, passedOn } = this.#components
    const nowMs = clock.now()
    return roster.all
      .toSorted((a, b) => b.row.addedAtMs - a.row.addedAtMs)
      .flatMap((transfer) => {
        const { content } = transfer
        const { role, enclosed, from, problem } = transfer.row
        const sharer = from?.peers[0]
        const comes = transfer.wanted
        if (role !== 'getting' || enclosed === true || problem !== null) return []
        if (content === null || sharer === undefined || transfer.hasExpired(nowMs)) return []
        if (!comes && !passedOn(transfer)) return []
        return [{ content, sharer, relays: comes ? from!.relays : [] }]
      })
  }

  /** Whoever shared it took it back. What of it is here stays; nobody is given it. */
  async revoked({ content, sharer }: Held): Promise<void> {
    const { roster, exchange } = this.#components
    for (const transfer of roster.all) {
      const { role, from, problem } = transfer.row
      if (transfer.content !== content || role !== 'getting' || problem !== null) continue
      // Another link may have named somebody else meanwhile.
      if (from?.peers[0] !== sharer) continue
      const noted = this.#failed(transfer, 'revoked')
      exchange.refuse(content, 'revoked')
      await noted
    }
  }

  /** Gets nothing more of it for now. */
  halt(transfer: LiveTransfer): void {
    if (transfer.download === null || transfer.holding === null) return
    transfer.download = null
    transfer.seeker?.stop()
    transfer.seeker = null
    this.#components.exchange.leave(transfer.holding.content)
    this.#components.company.release(transfer.row.id)
    this.#components.roster.changed()
  }

  async #learn(transfer: LiveTransfer): Promise<void> {
    const problem = await transfer.open()
    if (problem !== null) await this.#failed(transfer, problem)
    else if (transfer.opened !== null && transfer.row.name === null) {
      const { name, files } = transfer.opened.about
      await this.#components.roster.note(transfer, {
        name,
        files: files.filter((file) => !isFolder(file)).length,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      })
      if (transfer.offered) this.halt(transfer)
    }
  }

  async #completed(transfer: LiveTransfer, download: Download): Promise<void> {
    if (transfer.download !== download) return
    await this.#learn(transfer)
    // What it says of itself may have turned out to be wrong.
    if (transfer.row.problem !== null) return
    const { parts, roster, clock } = this.#components
    await parts.flush()
    const noted = roster.note(transfer, { completeAtMs: clock.now() })
    // Before it is remembered: a part may be missed meanwhile, and then it begins anew.
    this.halt(transfer)
    await noted
  }

  async #failed(transfer: LiveTransfer, problem: TransferProblem): Promise<void> {
    this.halt(transfer)
    await this.#components.roster.note(transfer, { problem })
  }
}
