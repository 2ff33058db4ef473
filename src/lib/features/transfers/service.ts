import { EvictingPartStore } from '../../content/store/evicting-part-store.ts'
import type { ContentKey } from '../../content/chunk-cipher.ts'
import type { ContentId } from '../../content/content-id.ts'
import { NotHereError } from '../../content/errors.ts'
import { Exchange } from '../../content/exchange/exchange.ts'
import { Reputation, type SourceStore } from '../../content/exchange/reputation.ts'
import { Announcer } from '../../content/providers/announcer.ts'
import { RelayCopies, type Wish } from '../../content/providers/copies.ts'
import { Finder } from '../../content/providers/finder.ts'
import { Revocations } from '../../content/providers/revocations.ts'
import type { PartStore } from '../../content/store/part-store.ts'
import type { NodeIdentity } from '../../crypto/api.ts'
import type { Stretch } from '../../crypto/stretch.ts'
import type { Channels, Network, Peers } from '../../p2p/api.ts'
import { MAX_KEEP_MS } from '../../protocol/copies.ts'
import { InvalidDataError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import { watch } from '../../rpc/watch.ts'
import type { SettingsApi } from '../settings/api.ts'
import type {
  BannedSource,
  ChosenFile,
  DayTotal,
  Room,
  Enclosures,
  ShareChoices,
  Transfer,
  TransferCopy,
  TransferDetails,
  TransferId,
  TransfersApi,
} from './api.ts'
import { Awaited, COPIED_FOR_MS } from './awaited.ts'
import { Company } from './company.ts'
import { ContentEnclosures } from './enclosures.ts'
import { NotCompleteError, PasswordNeededError, WrongPasswordError } from './errors.ts'
import { Getting } from './getting.ts'
import { Giving } from './giving.ts'
import { decodeLink, encodeLink, unlockContent, type Link } from './link.ts'
import { Queue } from './queue.ts'
import { Roster } from './roster.ts'
import { Sharing } from './sharing.ts'
import { Shelves } from './shelves.ts'
import type { TotalsStore, TransferRow, TransferStore } from './store.ts'
import { Totals } from './totals.ts'
import { newRow, type LiveTransfer } from './transfer.ts'
import { detailsOf, enclosedOf, summaryOf, type ViewComponents } from './view.ts'
import { zipOf } from './zip.ts'

/** States follow each other at most this fast: faster than anybody reads. */
const PACE_MS = 200

/** Speeds and times change without an event: they are read anew this often while somebody looks. */
const METER_MS = 1_000

export interface TransfersComponents {
  store: TransferStore
  sources: SourceStore
  totals: TotalsStore
  parts: PartStore
  identity: Pick<NodeIdentity, 'peer' | 'publicKey' | 'sign'>
  channels: Channels
  peers: Pick<
    Peers,
    'want' | 'unwant' | 'myRelays' | 'path' | 'addEventListener' | 'removeEventListener'
  >
  network: Pick<
    Network,
    'links' | 'relays' | 'askRelay' | 'addEventListener' | 'removeEventListener'
  >
  /** A contact's name; null for others. */
  names: (peer: PeerIdString) => string | null
  /** What I am called. */
  myName: () => Promise<string | null>
  settings: Pick<SettingsApi, 'watchSettings'>
  stretch: Stretch
  clock: Clock
  random: Random
  log: Logger
}

/**
 * Files that are shared by a link and got by one.
 *
 * What is shared is taken in whole first, so that it can be given after a reload; what is got is kept as it comes, and
 * goes on where it was. Whoever gets something gives it to others as well. What a person shared or got stays until they
 * take it out.
 */
export class TransfersService implements TransfersApi, Startable {
  /** Files that go with something of another feature. */
  readonly enclosures: Enclosures
  readonly #components: TransfersComponents
  readonly #exchange: Exchange
  readonly #roster: Roster
  readonly #sharing: Sharing
  readonly #getting: Getting
  readonly #giving: Giving
  readonly #queue: Queue
  readonly #shelves: Shelves
  readonly #announcer: Announcer
  readonly #awaited: Awaited
  readonly #copies: RelayCopies
  readonly #revocations: Revocations
  readonly #totals: Totals
  #running: AbortController | null = null

  constructor(components: TransfersComponents) {
    const parts = new EvictingPartStore(components.parts, () => shelves.freeOne())
    const roster = new Roster({ ...components, parts })
    const exchange: Exchange = new Exchange(components, {
      admit: (content, peer) => {
        this.#revocations.wanted(content)
        return giving.admit(content, peer)
      },
      halts: (content) => giving.halts(content),
      reputation: new Reputation({ ...components, store: components.sources }),
    })
    const shelves: Shelves = new Shelves({ ...components, roster, exchange })
    const company = new Company(components.peers)
    const totals = new Totals(components)
    const giving: Giving = new Giving({ ...components, roster, exchange, company, totals })
    const seeking = {
      ...components,
      self: components.identity.peer,
      finder: new Finder(components),
      relays: () => components.peers.myRelays(),
      contacts: () => this.#contactsHere(),
    }
    this.#components = { ...components, parts }
    this.#roster = roster
    this.#exchange = exchange
    this.#totals = totals
    this.#giving = giving
    this.#shelves = shelves
    this.#sharing = new Sharing({ ...this.#components, roster })
    this.#getting = new Getting({
      ...this.#components,
      ...{ roster, exchange, company, seeking, totals },
      passedOn: (transfer) => giving.passedOn(transfer),
    })
    this.#queue = new Queue({ roster, getting: this.#getting })
    this.#announcer = new Announcer(components, {
      given: () => this.#given(),
      revoked: () => this.#sharing.revoked(),
    })
    roster.listen(this.#announcer.look)
    this.#revocations = new Revocations(components, {
      held: () => this.#getting.held(),
      revoked: (held) => {
        void this.#getting.revoked(held)
      },
    })
    roster.listen(this.#revocations.look)
    this.#copies = new RelayCopies(components, {
      wishes: () => this.#wishes(),
      changed: (content, status) => {
        roster.changed()
        void this.#awaited.asked(content, status)
      },
    })
    roster.listen(this.#copies.look)
    this.#awaited = new Awaited({ ...components, roster, exchange, copies: () => this.#copies })
    this.enclosures = new ContentEnclosures({
      ...this.#components,
      roster,
      sharing: this.#sharing,
      awaited: this.#awaited,
      transfers: this,
      watch: (find, options) =>
        this.#watch(() => {
          const transfer = find()
          return transfer === undefined ? null : enclosedOf(transfer, this.#view)
        }, options),
    })
  }

  async start(): Promise<void> {
    if (this.#running !== null) return
    this.#running = new AbortController()
    await this.#roster.load()
    await this.#exchange.reputation.load()
    await this.#exchange.start()
    this.#announcer.start()
    this.#revocations.start()
    this.#copies.start()
    this.#awaited.start()
    this.#queue.start()
    void this.#followSettings(this.#running.signal)
  }

  async stop(): Promise<void> {
    if (this.#running === null) return
    this.#running.abort()
    this.#running = null
    this.#announcer.stop()
    this.#revocations.stop()
    this.#copies.stop()
    this.#awaited.stop()
    this.#queue.stop()
    for (const transfer of this.#roster.all) {
      transfer.reading.abort()
      transfer.download = null
      transfer.seeker?.stop()
      transfer.seeker = null
    }
    await this.#exchange.stop()
    this.#giving.stop()
    await this.#totals.stop()
    await this.#roster.flush()
  }

  async *watchTransfers(options?: AbortOptions): AsyncIterable<Transfer[]> {
    await this.#roster.load()
    yield* this.#watch(
      () =>
        this.#roster.all
          .filter(({ row }) => row.enclosed !== true)
          .toSorted((a, b) => b.row.addedAtMs - a.row.addedAtMs)
          .map((transfer) => summaryOf(transfer, this.#view)),
      options,
    )
  }

  async *watchTransfer(
    id: TransferId,
    options?: AbortOptions,
  ): AsyncIterable<TransferDetails | null> {
    await this.#roster.load()
    const find = () => this.#roster.all.find(({ row }) => row.id === id)
    await find()?.find()
    yield* this.#watch(() => {
      const transfer = find()
      return transfer === undefined ? null : detailsOf(transfer, this.#view, this.#linkOf(transfer))
    }, options)
  }

  async share(
    files: ChosenFile[],
    choices: ShareChoices,
    options?: AbortOptions,
  ): Promise<TransferId> {
    return (await this.#sharing.share(files, choices, options?.signal)).row.id
  }

  async get(text: string, password: string | null, options?: AbortOptions): Promise<TransferId> {
    await this.#roster.load()
    const { random, clock } = this.#components
    const link = decodeLink(text)
    const known = this.#roster.all.find(({ content }) => content === link.content)
    if (known !== undefined) {
      await this.#getting.alsoFrom(known, link)
      return known.row.id
    }
    const key = await this.#keyOf(link, password)
    options?.signal?.throwIfAborted()
    const transfer = await this.#roster.add({
      ...newRow('getting', key, random, clock.now()),
      content: link.content,
      lock: link.opener.type === 'password' ? link.opener.lock : null,
      from: { peers: link.peers, relays: link.relays },
      rank: Math.max(clock.now(), ...this.#roster.all.map(({ row }) => row.rank + 1)),
    })
    await transfer.find()
    this.#roster.changed()
    return transfer.row.id
  }

  async pause(id: TransferId): Promise<void> {
    const transfer = await this.#roster.find(id)
    if (transfer.row.role === 'sharing') return this.#choose(transfer, { paused: true })
    if (transfer.row.completeAtMs !== null) return
    this.#getting.halt(transfer)
    await this.#roster.change(transfer, { paused: true })
  }

  async resume(id: TransferId): Promise<void> {
    const transfer = await this.#roster.find(id)
    if (transfer.row.role === 'sharing') return this.#choose(transfer, { paused: false })
    await transfer.find()
    await this.#roster.change(transfer, {
      paused: false,
      agreed: true,
      freed: false,
      // Of what is here, it says that nobody is given it.
      problem: transfer.row.completeAtMs === null ? null : transfer.row.problem,
    })
  }

  async move(id: TransferId, to: 'sooner' | 'later'): Promise<void> {
    await this.#queue.move(await this.#roster.find(id), to)
  }

  async saved(id: TransferId): Promise<void> {
    const transfer = await this.#roster.find(id)
    if (transfer.row.role !== 'getting' || transfer.row.completeAtMs === null) return
    await this.#roster.change(transfer, { savedAtMs: this.#components.clock.now() })
    await this.#shelves.settle()
  }

  async keep(id: TransferId, stays: boolean): Promise<void> {
    await this.#roster.change(await this.#roster.find(id), { kept: stays })
    await this.#shelves.settle()
  }

  async passOn(id: TransferId, on: boolean): Promise<void> {
    const transfer = await this.#roster.find(id)
    if (transfer.row.role === 'getting') await this.#choose(transfer, { passOn: on })
  }

  async *watchRoom(options?: AbortOptions): AsyncIterable<Room> {
    await this.#roster.load()
    yield* this.#watch(() => this.#shelves.room, options)
  }

  async *watchTotals(options?: AbortOptions): AsyncIterable<DayTotal[]> {
    await this.#totals.load()
    yield* this.#watch(() => this.#totals.days, options)
  }

  async *watchBanned(options?: AbortOptions): AsyncIterable<BannedSource[]> {
    const { reputation } = this.#exchange
    const { names } = this.#components
    await this.#roster.load()
    yield* this.#watch(
      () =>
        reputation.bans
          .map(([peer, { content, part, gave }]) => ({
            ...{ peer, name: names(peer), content, part },
            gave: gave ?? null,
          }))
          .toReversed(),
      options,
    )
  }

  async askAgain(peer: PeerIdString): Promise<void> {
    await this.#roster.load()
    const ban = this.#exchange.reputation.banOf(peer)
    if (ban === null) return
    this.#exchange.pardon(peer)
    this.#exchange.from(ban.content, peer)
    this.#roster.changed()
  }

  async free(): Promise<void> {
    await this.#roster.load()
    await this.#shelves.freeAll()
  }

  async remove(id: TransferId): Promise<void> {
    await this.#roster.load()
    const transfer = this.#roster.all.find(({ row }) => row.id === id)
    if (transfer === undefined) return
    transfer.reading.abort()
    this.#getting.halt(transfer)
    if (transfer.content !== null) this.#exchange.refuse(transfer.content, 'unknown')
    await this.#roster.remove(transfer)
    this.#releaseCopy(transfer)
  }

  async revoke(id: TransferId): Promise<void> {
    const transfer = await this.#roster.find(id)
    if (transfer.row.role !== 'sharing' || transfer.content === null) return
    this.#exchange.refuse(transfer.content, 'revoked')
    await this.#roster.change(transfer, { problem: 'revoked' })
    this.#releaseCopy(transfer)
  }

  async keepCopy(id: TransferId, forMs: number | null): Promise<void> {
    const transfer = await this.#roster.find(id)
    const { role, downloadLimit } = transfer.row
    if (role !== 'sharing') return
    const isTime =
      forMs === null || (Number.isSafeInteger(forMs) && forMs > 0 && forMs <= MAX_KEEP_MS)
    if (!isTime || (forMs !== null && downloadLimit !== null)) {
      throw new InvalidDataError('no copy can be kept like that')
    }
    await transfer.find()
    if (forMs === null) this.#releaseCopy(transfer)
    const copyUntilMs = forMs === null ? null : this.#components.clock.now() + forMs
    await this.#roster.change(transfer, { copyUntilMs })
  }

  async *read(
    id: TransferId,
    file: number | null,
    options?: AbortOptions,
  ): AsyncIterable<Uint8Array<ArrayBuffer>> {
    const transfer = await this.#roster.find(id)
    await transfer.find()
    const { opened, row } = transfer
    if (opened === null || (row.completeAtMs === null && row.role === 'getting')) {
      throw new NotCompleteError('not all of it is here')
    }
    this.#roster.count(transfer, { usedAtMs: this.#components.clock.now() })
    transfer.readings += 1
    try {
      for await (const piece of file === null ? zipOf(opened) : opened.read(file)) {
        options?.signal?.throwIfAborted()
        yield piece
      }
    } catch (error) {
      if (!(error instanceof NotHereError)) throw error
      throw new NotCompleteError('the disk has lost some of it', { cause: error })
    } finally {
      transfer.readings -= 1
    }
  }

  /** Who is given it is another question from now on. */
  async #choose(
    transfer: LiveTransfer,
    choice: Partial<Pick<TransferRow, 'paused' | 'passOn'>>,
  ): Promise<void> {
    const kept = this.#roster.change(transfer, choice)
    this.#giving.settle(transfer)
    await kept
  }

  async #followSettings(signal: AbortSignal): Promise<void> {
    const { settings, log } = this.#components
    const { down, up } = this.#exchange.rates
    try {
      for await (const { files, copiesForAway, passOn } of settings.watchSettings({ signal })) {
        down.limit(files.downBytesPerSecond)
        up.limit(files.upBytesPerSecond)
        this.#giving.passOn(passOn)
        await this.#shelves.limit(files.spareBytes)
        await this.#awaited.allow(copiesForAway === true)
      }
    } catch (error) {
      if (!signal.aborted) log.error('lost sight of the settings', error)
    }
  }

  /** Whatever somebody may be given from here, the latest first. */
  #given(): ContentId[] {
    const nowMs = this.#components.clock.now()
    return (
      this.#roster.all
        .filter(({ holding, row }) => row.completeAtMs !== null || holding?.manifest != null)
        .filter(({ row }) => row.problem === null)
        // Who gets what is enclosed knows from whom: nobody else is told that it is here.
        .filter(({ row }) => row.enclosed !== true && !(row.role === 'sharing' && row.paused))
        .filter((transfer) => this.#giving.passedOn(transfer))
        .filter((transfer) => !transfer.hasExpired(nowMs))
        .toSorted((a, b) => b.row.addedAtMs - a.row.addedAtMs)
        .flatMap(({ content }) => content ?? [])
    )
  }

  /** What is to be kept at relays now. */
  #wishes(): Wish[] {
    const nowMs = this.#components.clock.now()
    return this.#roster.all.flatMap((transfer) => {
      const { holding, row } = transfer
      if (row.enclosed === true) return this.#awaited.wish(transfer) ?? []
      const untilMs = Math.min(row.copyUntilMs ?? 0, row.expiresAtMs ?? Infinity)
      if (untilMs <= nowMs || row.problem !== null) return []
      const { content } = transfer
      if (content === null || holding?.manifest == null) return []
      return [{ content, bytes: holding.manifest.bytes, fromMs: 0, untilMs }]
    })
  }

  /** Nobody waits for it: a relay that is not reached lets it go when its time is over. */
  #releaseCopy({ content, row }: LiveTransfer): void {
    if (content !== null && row.copyUntilMs !== null) void this.#copies.release(content)
  }

  #copyOf({ content, row: { awaited, copyUntilMs } }: LiveTransfer): TransferCopy | null {
    // Of what is awaited a copy is wanted before a relay has taken it.
    const untilMs = copyUntilMs ?? (awaited && awaited.sinceMs + COPIED_FOR_MS)
    if (content === null || untilMs === null) return null
    const status = this.#copies.status(content)
    return status && { state: status.state, relay: status.relay, untilMs }
  }

  #contactsHere(): PeerIdString[] {
    const { network, names } = this.#components
    const peers = new Set(network.links().map(({ peer }) => peer))
    return [...peers].filter((peer) => names(peer) !== null)
  }

  get #view(): ViewComponents {
    const { clock, names, network } = this.#components
    return {
      nowMs: clock.now(),
      names,
      links: network.links(),
      exchange: this.#exchange,
      passedOn: (transfer) => this.#giving.passedOn(transfer),
      copyOf: (transfer) => this.#copyOf(transfer),
    }
  }

  /** @throws PasswordNeededError, WrongPasswordError */
  async #keyOf({ opener }: Link, password: string | null): Promise<ContentKey> {
    if (opener.type === 'key') return opener.key
    if (password === null) throw new PasswordNeededError('it opens with a password')
    const key = await unlockContent(opener.lock, password, this.#components.stretch)
    if (key === null) throw new WrongPasswordError('another password')
    return key
  }

  #linkOf({ row, content }: LiveTransfer): string | null {
    if (content === null) return null
    // A link that is passed on must not lead to what a restart would have to read anew.
    if (row.role === 'sharing' && row.completeAtMs === null) return null
    const { identity, peers } = this.#components
    return encodeLink({
      content,
      opener:
        row.lock === null ? { type: 'key', key: row.key } : { type: 'password', lock: row.lock },
      peers: [...(row.from?.peers.slice(0, 1) ?? []), identity.peer],
      relays: [...(row.from?.relays.slice(0, 2) ?? []), ...peers.myRelays()],
    })
  }

  #watch<T>(read: () => T, options?: AbortOptions): AsyncIterable<T> {
    const { clock } = this.#components
    return watch(
      {
        read,
        changes: (again) => {
          const deafen = this.#roster.listen(again)
          let cancel = clock.after(METER_MS, meter)
          function meter(): void {
            again()
            cancel = clock.after(METER_MS, meter)
          }
          return () => {
            cancel()
            deafen()
          }
        },
        paceMs: PACE_MS,
      },
      clock,
      options,
    )
  }
}
