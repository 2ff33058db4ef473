/**
 * Copies of contents that people have this relay keep (src/lib/protocol/copies.ts). The relay is a peer of the exchange
 * like any other (src/lib/content): it gets a content from who wants it kept, verifies every part, and gives it on. Names
 * and bytes stay sealed with a key that it never sees.
 *
 * What was not got whole within `COPY_PATIENCE_MS` without anything coming goes; so does what nobody wants any more, or what all
 * who wanted it have taken back.
 */
import type { Connection } from '@libp2p/interface'
import { contentIdOf, manifestHashOf, sha256, type ContentId } from '#lib/content/content-id.ts'
import type { Admission } from '#lib/content/exchange/conversation.ts'
import { Exchange } from '#lib/content/exchange/exchange.ts'
import { Holding } from '#lib/content/holding.ts'
import type { PartStore, Shelf } from '#lib/content/store/part-store.ts'
import type { Channels } from '#lib/p2p/api.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import {
  COPIES,
  MAX_COPY_REQUESTS_PER_MINUTE,
  MAX_TAKERS,
  type CopiesRequest,
  type CopiesResponse,
  type CopyRefusal,
} from '#lib/protocol/copies.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { PROVIDER_LIFE_MS, providerKeyOf, sealProviderRecord } from '#lib/protocol/providers.ts'
import { revocationKeyOf, revocationSubjectOf } from '#lib/protocol/revocation.ts'
import type { Logger, Random, Startable } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import { Turns } from '#lib/protocol/turns.ts'
import { Answers, type AnswersComponents } from '../answers.ts'
import { sourceOfConnection } from '../inbound.ts'
import { COPIES_SWEEP_MS, COPY_PATIENCE_MS, MAX_COPIES, MAX_REMEMBERED_SHARES } from '../limits.ts'
import { OWN_RECORD } from '../providers/provider-records.ts'
import type { Providers } from '../providers/providers.ts'
import { RateLimit } from '../rate-limit.ts'
import { BoundedParts } from './bounded-parts.ts'
import { type CopyRow, type CopyRows, MAX_OWNERS } from './copy-rows.ts'

const SHELF_BYTES = 16

/** One person may have so much of all room, and one address in a day. */
const SHARE_OF_ROOM = 1 / 8

/** A record in the DHT and at this relay is made anew this often. */
const RENEW_MS = PROVIDER_LIFE_MS / 4

export interface CopiesComponents extends AnswersComponents {
  channels: Channels
  parts: PartStore
  rows: CopyRows
  providers: Pick<Providers, 'provide' | 'withdraw' | 'revoked'>
  self: PeerIdString
  signer: Signer
  random: Random
  log: Logger
}

export interface CopiesInit {
  /** Of all copies together. */
  maxBytes: number
  /** The longest one is kept from the last time somebody asked for it. */
  maxKeepMs: number
  /** `host[:port]` where this relay is reached. */
  hosts: () => string[]
}

/** One copy while the relay runs. */
interface Copy {
  content: ContentId
  row: CopyRow
  holding: Holding
  /** Who got all of it, the last of it from here; at most `MAX_TAKERS`. */
  takers: Set<PeerIdString>
  /** When something of it last came. */
  heardAtMs: number
  /** When others were last told that it is here. */
  toldAtMs: number
}

export class Copies implements Startable {
  readonly #components: CopiesComponents
  readonly #init: CopiesInit
  readonly #parts: BoundedParts
  readonly #exchange: Exchange
  readonly #answers: Answers<CopiesRequest, CopiesResponse>
  readonly #requests: RateLimit
  readonly #daily: RateLimit
  readonly #copies = new Map<ContentId, Copy>()
  /** Why something that was to be kept is not. */
  readonly #refused = new Map<ContentId, CopyRefusal>()
  readonly #turns = new Turns<ContentId>()
  #cancelSweep: (() => void) | null = null

  constructor(components: CopiesComponents, init: CopiesInit) {
    this.#components = components
    this.#init = init
    this.#parts = new BoundedParts(components.parts)
    this.#exchange = new Exchange(components, { admit: (content) => this.#admit(content) })
    this.#exchange.addEventListener('served', ({ detail: { content, peer } }) => {
      const copy = this.#copies.get(content)
      if (copy !== undefined && copy.takers.size < MAX_TAKERS) copy.takers.add(peer)
    })
    this.#requests = new RateLimit(components, {
      max: MAX_COPY_REQUESTS_PER_MINUTE,
      windowMs: 60_000,
    })
    this.#daily = new RateLimit(components, {
      max: init.maxBytes * SHARE_OF_ROOM,
      windowMs: 24 * 60 * 60_000,
      maxAskers: MAX_REMEMBERED_SHARES,
    })
    this.#answers = new Answers(components, {
      question: COPIES,
      malformed: 'copies-malformed',
      answer: (request, peer, connection) => this.#answer(request, peer, connection),
    })
  }

  /** Of all copies together, those included that are still got. */
  get bytes(): number {
    return [...this.#copies.values()].reduce((sum, { row }) => sum + row.bytes, 0)
  }

  get size(): number {
    return this.#copies.size
  }

  /** Room there is, and the most of it that one person may have, in bytes. */
  get room(): { freeBytes: number; maxBytesEach: number } {
    const { maxBytes } = this.#init
    return {
      freeBytes: Math.max(0, maxBytes - this.bytes),
      maxBytesEach: Math.floor(maxBytes * SHARE_OF_ROOM),
    }
  }

  async start(): Promise<void> {
    const { rows, clock } = this.#components
    for (const [content, row] of await rows.all()) {
      if (row.complete) {
        this.#copies.set(content, {
          content,
          row,
          holding: await this.#open(content, row),
          takers: new Set(),
          heardAtMs: clock.now(),
          toldAtMs: 0,
        })
      } else await this.#forget(content, row)
    }
    await this.#exchange.start()
    await this.#answers.start()
    await this.#sweep()
    this.#sweepLater()
  }

  async stop(): Promise<void> {
    this.#cancelSweep?.()
    await this.#answers.stop()
    await this.#exchange.stop()
  }

  async #answer(
    request: CopiesRequest,
    peer: PeerIdString,
    connection: Connection,
  ): Promise<CopiesResponse> {
    const content = contentIdOf(request.content)
    if (!this.#requests.allow(peer)) return this.#refuse('busy')
    if (request.type === 'release') {
      await this.#turns.run(content, () => this.#release(content, peer))
      return { type: 'released' }
    }
    const source = sourceOfConnection(connection)
    return await this.#turns.run(content, () => this.#keep(content, request, peer, source))
  }

  async #keep(
    content: ContentId,
    { bytes, forMs }: { bytes: number; forMs: number },
    peer: PeerIdString,
    source: string,
  ): Promise<CopiesResponse> {
    const { clock, random, rows } = this.#components
    const untilMs = clock.now() + Math.min(forMs, this.#init.maxKeepMs)
    const refused = this.#refused.get(content)
    if (refused !== undefined) return this.#refuse(refused)
    let copy = this.#copies.get(content)
    const owned = copy?.row.owners.some(([owner]) => owner === peer) === true
    if (!owned) {
      const size = copy?.row.bytes ?? bytes
      const all = this.#init.maxBytes
      if (this.#ownedBy(peer) + size > all * SHARE_OF_ROOM) return this.#refuse('too-much')
      if (copy === undefined && (this.bytes + size > all || this.size >= MAX_COPIES)) {
        return this.#refuse('full')
      }
      if (!this.#daily.allow(source, size)) return this.#refuse('too-much')
    }
    if (copy === undefined) {
      const shelf = toBase64url(random.bytes(SHELF_BYTES))
      const row: CopyRow = { shelf, bytes, complete: false, owners: [[peer, untilMs]] }
      await rows.put(content, row)
      const holding = await this.#open(content, row)
      const takers = new Set<PeerIdString>()
      copy = { content, row, holding, takers, heardAtMs: clock.now(), toldAtMs: 0 }
      this.#copies.set(content, copy)
      this.#get(copy)
    } else {
      const others = copy.row.owners.filter(([owner]) => owner !== peer)
      const owners: CopyRow['owners'] = [...others.slice(1 - MAX_OWNERS), [peer, untilMs]]
      copy.row = { ...copy.row, owners }
      await rows.put(content, copy.row)
    }
    if (!copy.row.complete) this.#exchange.from(content, peer)
    return { type: 'keeping', untilMs, complete: copy.row.complete, taken: copy.takers.size }
  }

  #get(copy: Copy): void {
    const { content, row, holding } = copy
    const { clock } = this.#components
    // Manifest and lists come on top: 32 bytes for each leaf, and the first 128 KiB.
    this.#parts.allow(row.shelf as Shelf, row.bytes + row.bytes / 4_096 + 256 * 1024)
    const download = this.#exchange.get(holding)
    download.addEventListener('taken', ({ detail: { kind } }) => {
      copy.heardAtMs = clock.now()
      const { manifest } = holding
      if (kind !== 'manifest' || manifest === null) return
      if (!manifest.sealed || manifest.bytes > row.bytes) this.#giveUp(copy, 'not-sealed')
    })
    download.addEventListener('failed', ({ detail: problem }) => {
      if (problem === 'damaged') this.#giveUp(copy, 'not-sealed')
      else void this.#turns.run(content, () => this.#drop(copy))
    })
    download.addEventListener('complete', () => {
      void this.#turns.run(content, () => this.#completed(copy))
    })
  }

  async #completed(copy: Copy): Promise<void> {
    const { rows, log } = this.#components
    if (this.#copies.get(copy.content) !== copy) return
    this.#exchange.leave(copy.content)
    copy.row = { ...copy.row, complete: true }
    await rows.put(copy.content, copy.row)
    log.debug(`a copy of ${copy.row.bytes} bytes is here`)
    await this.#tell(copy)
  }

  /** Gives up what cannot be kept, now or later. */
  #giveUp(copy: Copy, reason: CopyRefusal): void {
    this.#refused.set(copy.content, reason)
    if (this.#refused.size > MAX_COPIES) this.#refused.delete(this.#refused.keys().next().value!)
    void this.#turns.run(copy.content, () => this.#drop(copy))
  }

  async #release(content: ContentId, peer: PeerIdString): Promise<void> {
    const copy = this.#copies.get(content)
    if (copy === undefined) return
    const owners = copy.row.owners.filter(([owner]) => owner !== peer)
    copy.row = { ...copy.row, owners }
    if (owners.length === 0) await this.#drop(copy)
    else await this.#components.rows.put(content, copy.row)
  }

  async #drop(copy: Copy): Promise<void> {
    const { content, row } = copy
    if (this.#copies.get(content) !== copy) return
    this.#copies.delete(content)
    this.#exchange.leave(content)
    this.#exchange.refuse(content, 'unknown')
    this.#components.providers.withdraw(this.#components.self, keyOf(content))
    await this.#forget(content, row)
  }

  /** First its parts: what the row names is never left behind. */
  async #forget(content: ContentId, row: CopyRow): Promise<void> {
    await this.#parts.drop(row.shelf as Shelf)
    await this.#components.rows.delete(content)
  }

  /** Names this relay as having it. */
  async #tell(copy: Copy): Promise<void> {
    const { clock, providers, self, signer, log } = this.#components
    const madeAtMs = clock.now()
    copy.toldAtMs = madeAtMs
    try {
      const record = await sealProviderRecord(
        {
          key: keyOf(copy.content),
          peer: self,
          relays: this.#init.hosts(),
          madeAtMs,
          expiresAtMs: madeAtMs + PROVIDER_LIFE_MS,
        },
        signer,
      )
      await providers.provide(record, OWN_RECORD)
    } catch (error) {
      log.warn(`a copy is not made known: ${String(error)}`)
    }
  }

  #admit(content: ContentId): Admission {
    const copy = this.#copies.get(content)
    if (copy === undefined) return { refusal: 'unknown' }
    const wanted = copy.row.owners.some(([owner]) => !this.#tookBack(content, owner))
    return wanted ? { holding: copy.holding } : { refusal: 'revoked' }
  }

  /** Whether they had it kept, and said since that it is given no more: they need not have told this relay to let it go. */
  #tookBack(content: ContentId, peer: PeerIdString): boolean {
    const subject = revocationSubjectOf(manifestHashOf(content))
    return this.#components.providers.revoked(revocationKeyOf({ subject, peer }))
  }

  #open(content: ContentId, { shelf }: CopyRow): Promise<Holding> {
    return Holding.open(content, shelf as Shelf, { store: this.#parts, sha256 })
  }

  #ownedBy(peer: PeerIdString): number {
    return [...this.#copies.values()]
      .filter(({ row }) => row.owners.some(([owner]) => owner === peer))
      .reduce((sum, { row }) => sum + row.bytes, 0)
  }

  #refuse(reason: CopyRefusal): CopiesResponse {
    this.#components.refusals.count(`copies-${reason}`)
    return { type: 'refused', reason }
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#components.clock.after(COPIES_SWEEP_MS, () => {
      void this.#sweep().finally(() => {
        this.#sweepLater()
      })
    })
  }

  async #sweep(): Promise<void> {
    const { clock, log } = this.#components
    const nowMs = clock.now()
    for (const copy of [...this.#copies.values()]) {
      const owners = copy.row.owners.filter(
        ([owner, untilMs]) => untilMs > nowMs && !this.#tookBack(copy.content, owner),
      )
      const isStuck = !copy.row.complete && nowMs - copy.heardAtMs > COPY_PATIENCE_MS
      try {
        if (owners.length === 0 || isStuck) {
          await this.#turns.run(copy.content, () => this.#drop(copy))
        } else if (copy.row.complete && nowMs - copy.toldAtMs >= RENEW_MS) await this.#tell(copy)
      } catch (error) {
        log.warn(`a copy is not swept: ${String(error)}`)
      }
    }
  }
}

function keyOf(content: ContentId): Uint8Array<ArrayBuffer> {
  return providerKeyOf(manifestHashOf(content))
}
