import type { About } from '../../content/about.ts'
import { MAX_DESCRIPTION_CHARS, MAX_FILES, MAX_MEDIA_TYPE_CHARS } from '../../content/about.ts'
import { chunkCipher, newContentKey } from '../../content/chunk-cipher.ts'
import { sha256, type ContentId } from '../../content/content-id.ts'
import { UnreadableFileError } from '../../content/errors.ts'
import type { Admission } from '../../content/exchange/conversation.ts'
import type { Download } from '../../content/exchange/download.ts'
import { Exchange } from '../../content/exchange/exchange.ts'
import { takeIn, type IntakeFile } from '../../content/intake.ts'
import { cleanPath } from '../../content/paths.ts'
import type { PartStore } from '../../content/store/part-store.ts'
import type { NodeIdentity } from '../../crypto/api.ts'
import type { Stretch } from '../../crypto/stretch.ts'
import type { Channels, Network, Peers } from '../../p2p/api.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import { InvalidDataError, LimitExceededError, StorageFullError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import { watch } from '../../rpc/watch.ts'
import type {
  ChosenFile,
  ShareChoices,
  Transfer,
  TransferDetails,
  TransferId,
  TransferProblem,
  TransfersApi,
} from './api.ts'
import {
  NotCompleteError,
  NothingToShareError,
  PasswordNeededError,
  UnknownTransferError,
  WrongPasswordError,
} from './errors.ts'
import { decodeLink, encodeLink, lockContent, unlockContent, type Link } from './link.ts'
import type { TransferRow, TransferStore } from './store.ts'
import { LiveTransfer } from './transfer.ts'
import { detailsOf, summaryOf, type ViewComponents } from './view.ts'
import { zipOf } from './zip.ts'

/** States follow each other at most this fast: faster than anybody reads. */
const PACE_MS = 200

/** Speeds and times change without an event: they are read anew this often while somebody looks. */
const METER_MS = 1_000

/** What was given is remembered this often, ms: a host that is killed forgets no more. */
const COUNT_MS = 5_000

const ID_BYTES = 16

export interface TransfersComponents {
  store: TransferStore
  parts: PartStore
  identity: Pick<NodeIdentity, 'peer' | 'publicKey' | 'sign'>
  channels: Channels
  peers: Pick<Peers, 'want' | 'unwant' | 'myRelays' | 'path'>
  network: Pick<Network, 'links'>
  /** A contact's name; null for others. */
  names: (peer: PeerIdString) => string | null
  /** What I am called. */
  myName: () => Promise<string | null>
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
  readonly #components: TransfersComponents
  readonly #exchange: Exchange
  readonly #transfers = new Map<TransferId, LiveTransfer>()
  readonly #listeners = new Set<() => void>()
  /** Rows are written one after the other. */
  readonly #turns = new Turns<TransferId>()
  readonly #counts = new Set<LiveTransfer>()
  /** Readers who are wanted because they read. */
  readonly #met = new Set<PeerIdString>()
  #cancelCount: (() => void) | null = null
  #loaded: Promise<void> | null = null
  #running = false

  constructor(components: TransfersComponents) {
    this.#components = components
    this.#exchange = new Exchange(components, {
      admit: (content, peer) => this.#admit(content, peer),
    })
    this.#exchange.addEventListener('gave', ({ detail: { content, peer, bytes } }) => {
      this.#gave(content, peer, bytes)
    })
    this.#exchange.addEventListener('readers', ({ detail: content }) => {
      this.#meetReaders(content)
      this.#changed()
    })
  }

  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    await this.#load()
    await this.#exchange.start()
    for (const transfer of this.#transfers.values()) this.#begin(transfer)
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    for (const transfer of this.#transfers.values()) {
      transfer.reading.abort()
      transfer.download = null
    }
    await this.#exchange.stop()
    this.#cancelCount?.()
    this.#cancelCount = null
    await this.#keepCounts()
  }

  async *watchTransfers(options?: AbortOptions): AsyncIterable<Transfer[]> {
    await this.#load()
    yield* this.#watch(
      () =>
        [...this.#transfers.values()]
          .sort((a, b) => b.row.addedAtMs - a.row.addedAtMs)
          .map((transfer) => summaryOf(transfer, this.#view)),
      options,
    )
  }

  async *watchTransfer(
    id: TransferId,
    options?: AbortOptions,
  ): AsyncIterable<TransferDetails | null> {
    await this.#load()
    yield* this.#watch(() => {
      const transfer = this.#transfers.get(id)
      return transfer === undefined ? null : detailsOf(transfer, this.#view, this.#linkOf(transfer))
    }, options)
  }

  async share(
    chosen: ChosenFile[],
    choices: ShareChoices,
    options?: AbortOptions,
  ): Promise<TransferId> {
    const { random, clock, stretch } = this.#components
    const files = intakeOf(chosen)
    checkChoices(choices)
    const nowMs = clock.now()
    const key = newContentKey(random)
    const opener =
      choices.password === null ? null : await lockContent(key, choices.password, stretch, random)
    options?.signal?.throwIfAborted()
    const transfer = this.#add({
      ...this.#newRow('sharing', key),
      lock: opener?.type === 'password' ? opener.lock : null,
      name: nameOf(files),
      files: files.length,
      bytes: files.reduce((sum, { blob }) => sum + blob.size, 0),
      expiresAtMs: choices.expiresAfterMs === null ? null : nowMs + choices.expiresAfterMs,
      downloadLimit: choices.downloadLimit,
    })
    await this.#keep(transfer)
    void this.#takeIn(transfer, files, choices.description)
    return transfer.row.id
  }

  async get(text: string, password: string | null, options?: AbortOptions): Promise<TransferId> {
    await this.#load()
    const link = decodeLink(text)
    const known = [...this.#transfers.values()].find(({ content }) => content === link.content)
    if (known !== undefined) return known.row.id
    const key = await this.#openerOf(link, password)
    options?.signal?.throwIfAborted()
    const transfer = this.#add({
      ...this.#newRow('getting', key),
      content: link.content,
      lock: link.opener.type === 'password' ? link.opener.lock : null,
      from: { peers: link.peers, relays: link.relays },
    })
    await this.#keep(transfer)
    await transfer.load(this.#components.parts)
    this.#begin(transfer)
    return transfer.row.id
  }

  async pause(id: TransferId): Promise<void> {
    const transfer = await this.#find(id)
    if (transfer.row.completeAtMs !== null || transfer.row.role === 'sharing') return
    await this.#change(transfer, { paused: true })
    this.#halt(transfer)
  }

  async resume(id: TransferId): Promise<void> {
    const transfer = await this.#find(id)
    if (transfer.row.role === 'sharing') return
    await this.#change(transfer, { paused: false, problem: null })
    this.#begin(transfer)
  }

  async remove(id: TransferId): Promise<void> {
    await this.#load()
    const transfer = this.#transfers.get(id)
    if (transfer === undefined) return
    transfer.reading.abort()
    this.#halt(transfer)
    this.#transfers.delete(id)
    if (transfer.content !== null) this.#exchange.refuse(transfer.content, 'unknown')
    await this.#turns.run(id, async () => {
      await this.#components.store.remove(id)
      await this.#components.parts.drop(transfer.shelf)
    })
    this.#changed()
  }

  async revoke(id: TransferId): Promise<void> {
    const transfer = await this.#find(id)
    if (transfer.row.role !== 'sharing' || transfer.content === null) return
    await this.#change(transfer, { problem: 'revoked' })
    this.#exchange.refuse(transfer.content, 'revoked')
  }

  async *read(
    id: TransferId,
    file: number | null,
    options?: AbortOptions,
  ): AsyncIterable<Uint8Array<ArrayBuffer>> {
    const { opened, row } = await this.#find(id)
    if (opened === null || (row.completeAtMs === null && row.role === 'getting')) {
      throw new NotCompleteError('not all of it is here')
    }
    const source = file === null ? zipOf(opened) : opened.read(file)
    for await (const piece of source) {
      options?.signal?.throwIfAborted()
      yield piece
    }
  }

  get #view(): ViewComponents {
    const { clock, names, network } = this.#components
    return { nowMs: clock.now(), names, links: network.links(), exchange: this.#exchange }
  }

  #newRow(role: TransferRow['role'], key: TransferRow['key']): TransferRow {
    const { random, clock } = this.#components
    return {
      id: toBase64url(random.bytes(ID_BYTES)),
      role,
      shelf: toBase64url(random.bytes(ID_BYTES)),
      content: null,
      key,
      lock: null,
      from: null,
      name: null,
      files: null,
      bytes: null,
      addedAtMs: clock.now(),
      completeAtMs: null,
      paused: false,
      problem: null,
      expiresAtMs: null,
      downloadLimit: null,
      takers: [],
      givenBytes: 0,
    }
  }

  #add(row: TransferRow): LiveTransfer {
    const transfer = new LiveTransfer(row)
    this.#transfers.set(row.id, transfer)
    this.#changed()
    return transfer
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#loadAll()
    return this.#loaded
  }

  async #loadAll(): Promise<void> {
    const { store, parts } = this.#components
    for (const row of await store.all()) {
      const transfer = this.#add(row)
      if (row.role === 'sharing' && row.completeAtMs === null) {
        // It was read when the host ended, and the files are not at hand any more.
        await this.#change(transfer, { problem: row.problem ?? 'unreadable' })
        await parts.drop(transfer.shelf)
      } else await transfer.load(parts)
    }
  }

  /** Takes the files in; how it ends stands in the row. */
  async #takeIn(transfer: LiveTransfer, files: IntakeFile[], description: string): Promise<void> {
    const { identity, parts, clock, log } = this.#components
    const { row, shelf, reading } = transfer
    try {
      const name = await this.#components.myName()
      const about: Omit<About, 'files' | 'leavesHash'> = {
        name: row.name!,
        description,
        createdAtMs: row.addedAtMs,
        expiresAtMs: row.expiresAtMs,
        creator: name === null ? null : { peer: identity.peer, name },
      }
      const steps = takeIn(
        {
          shelf,
          files,
          about,
          signer: name === null ? null : identity,
          cipher: await chunkCipher(row.key),
          sealed: true,
        },
        { store: parts, sha256 },
        { signal: reading.signal },
      )
      for (;;) {
        const step = await steps.next()
        if (step.done === true) {
          transfer.row = { ...transfer.row, content: step.value.content }
          break
        }
        transfer.readBytes = step.value
        this.#changed()
      }
      await transfer.load(parts)
      await this.#change(transfer, { completeAtMs: clock.now() })
    } catch (error) {
      if (reading.signal.aborted) return
      log.warn(`files not taken in: ${String(error)}`)
      await parts.drop(shelf)
      await this.#change(transfer, { problem: intakeProblem(error) })
    }
  }

  async #openerOf(link: Link, password: string | null): Promise<Uint8Array<ArrayBuffer>> {
    if (link.opener.type === 'key') return link.opener.key
    if (password === null) throw new PasswordNeededError('it opens with a password')
    const key = await unlockContent(link.opener.lock, password, this.#components.stretch)
    if (key === null) throw new WrongPasswordError('another password')
    return key
  }

  /** Gets what is missing, where that is wanted. */
  #begin(transfer: LiveTransfer): void {
    const { row, holding } = transfer
    if (!this.#running || holding === null || transfer.download !== null) return
    if (row.role !== 'getting' || row.paused || row.completeAtMs !== null) return
    if (row.problem !== null || row.from === null) return
    const download = this.#exchange.get(holding)
    transfer.download = download
    download.addEventListener('changed', this.#changed)
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
      this.#components.peers.want(peer, row.from.relays, 'directly', 'transfer')
      this.#exchange.from(holding.content, peer)
    }
    if (holding.complete) void this.#completed(transfer, download)
  }

  /** Gets nothing more of it for now. */
  #halt(transfer: LiveTransfer): void {
    if (transfer.download === null || transfer.holding === null) return
    transfer.download = null
    this.#exchange.leave(transfer.holding.content)
    for (const peer of transfer.row.from?.peers ?? []) {
      if (!this.#needs(peer)) this.#components.peers.unwant(peer, 'transfer')
    }
    this.#changed()
  }

  /** Whether something else is got from this peer, or given to it. */
  #needs(peer: PeerIdString): boolean {
    return [...this.#transfers.values()].some(
      ({ download, row, content }) =>
        (download !== null && row.from?.peers.includes(peer) === true) ||
        (content !== null && this.#exchange.readers(content).some((each) => each.peer === peer)),
    )
  }

  async #learn(transfer: LiveTransfer): Promise<void> {
    const problem = await transfer.open()
    if (problem !== null) await this.#failed(transfer, problem)
    else if (transfer.opened !== null && transfer.row.name === null) {
      const { name, files } = transfer.opened.about
      await this.#change(transfer, {
        name,
        files: files.length,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      })
    }
  }

  async #completed(transfer: LiveTransfer, download: Download): Promise<void> {
    if (transfer.download !== download) return
    await this.#learn(transfer)
    // What it says of itself may have turned out to be wrong.
    if (transfer.row.problem !== null) return
    await this.#components.parts.flush()
    await this.#change(transfer, { completeAtMs: this.#components.clock.now() })
    this.#halt(transfer)
  }

  async #failed(transfer: LiveTransfer, problem: TransferProblem): Promise<void> {
    this.#halt(transfer)
    await this.#change(transfer, { problem })
  }

  #admit(content: ContentId, peer: PeerIdString): Admission {
    const nowMs = this.#components.clock.now()
    let refusal: Admission = { refusal: 'unknown' }
    for (const transfer of this.#transfers.values()) {
      if (transfer.content !== content || transfer.holding === null) continue
      const { problem, downloadLimit, takers } = transfer.row
      if (transfer.hasExpired(nowMs)) refusal = { refusal: 'expired' }
      else if (problem === 'revoked') refusal = { refusal: 'revoked' }
      else if (downloadLimit !== null && takers.length >= downloadLimit && !takers.includes(peer)) {
        refusal = { refusal: 'limit-reached' }
      } else return { holding: transfer.holding }
    }
    return refusal
  }

  /** Whoever gets something from me is met directly while they do, and no longer. */
  #meetReaders(content: ContentId): void {
    const { peers } = this.#components
    for (const { peer, path } of this.#exchange.readers(content)) {
      if (path !== 'relayed' || this.#met.has(peer)) continue
      this.#met.add(peer)
      peers.want(peer, [], 'directly', 'transfer')
    }
    for (const peer of this.#met) {
      if (this.#needs(peer)) continue
      this.#met.delete(peer)
      peers.unwant(peer, 'transfer')
    }
  }

  #gave(content: ContentId, peer: PeerIdString, bytes: number): void {
    const transfer = [...this.#transfers.values()].find((each) => each.content === content)
    if (transfer === undefined) return
    transfer.row = { ...transfer.row, givenBytes: transfer.row.givenBytes + bytes }
    const { downloadLimit, takers } = transfer.row
    if (downloadLimit !== null && !takers.includes(peer)) {
      void this.#change(transfer, { takers: [...takers, peer] })
    }
    this.#counts.add(transfer)
    this.#cancelCount ??= this.#components.clock.after(COUNT_MS, () => {
      this.#cancelCount = null
      void this.#keepCounts()
    })
    this.#changed()
  }

  async #keepCounts(): Promise<void> {
    const counted = [...this.#counts]
    this.#counts.clear()
    for (const transfer of counted) await this.#keep(transfer)
  }

  async #find(id: TransferId): Promise<LiveTransfer> {
    await this.#load()
    const transfer = this.#transfers.get(id)
    if (transfer === undefined) throw new UnknownTransferError('no such transfer')
    return transfer
  }

  #change(transfer: LiveTransfer, changes: Partial<TransferRow>): Promise<void> {
    transfer.row = { ...transfer.row, ...changes }
    this.#changed()
    return this.#keep(transfer)
  }

  /** Remembers it as it is by then. */
  async #keep(transfer: LiveTransfer): Promise<void> {
    const { id } = transfer.row
    await this.#turns.run(id, async () => {
      if (this.#transfers.get(id) === transfer) await this.#components.store.put(transfer.row)
    })
  }

  #linkOf({ row, content }: LiveTransfer): string | null {
    if (content === null) return null
    const { identity, peers } = this.#components
    return encodeLink({
      content,
      opener:
        row.lock === null ? { type: 'key', key: row.key } : { type: 'password', lock: row.lock },
      peers: [...(row.from?.peers.slice(0, 1) ?? []), identity.peer],
      relays: [...(row.from?.relays.slice(0, 2) ?? []), ...peers.myRelays()],
    })
  }

  readonly #changed = (): void => {
    for (const listener of this.#listeners) listener()
  }

  #watch<T>(read: () => T, options?: AbortOptions): AsyncIterable<T> {
    const { clock } = this.#components
    return watch(
      {
        read,
        changes: (again) => {
          this.#listeners.add(again)
          let cancel = clock.after(METER_MS, meter)
          function meter(): void {
            again()
            cancel = clock.after(METER_MS, meter)
          }
          return () => {
            cancel()
            this.#listeners.delete(again)
          }
        },
        paceMs: PACE_MS,
      },
      clock,
      options,
    )
  }
}

/** Paths that can be kept, each once. @throws NothingToShareError, LimitExceededError, InvalidDataError */
function intakeOf(chosen: readonly ChosenFile[]): IntakeFile[] {
  if (!Array.isArray(chosen) || chosen.length === 0) throw new NothingToShareError('no files')
  if (chosen.length > MAX_FILES) throw new LimitExceededError(`at most ${MAX_FILES} files`)
  const taken = new Set<string>()
  return chosen.map(({ path, file }) => {
    if (typeof path !== 'string' || !(file instanceof Blob)) throw new InvalidDataError('no file')
    const clean = distinct(cleanPath(path), taken)
    taken.add(clean)
    return { path: clean, mediaType: file.type.slice(0, MAX_MEDIA_TYPE_CHARS), blob: file }
  })
}

/** `a (2).jpg` where `a.jpg` is taken. */
function distinct(path: string, taken: ReadonlySet<string>): string {
  const dot = path.lastIndexOf('.')
  const end = dot > path.lastIndexOf('/') + 1 ? dot : path.length
  for (let number = 1; ; number += 1) {
    const each = number === 1 ? path : `${path.slice(0, end)} (${number})${path.slice(end)}`
    if (!taken.has(each)) return each
  }
}

/** What all of it is called: its only file, or the folder everything lies in, or the first file. */
function nameOf(files: readonly IntakeFile[]): string {
  const [first, ...others] = files.map(({ path }) => path.split('/'))
  const folder = first!.length > 1 ? first![0]! : null
  if (folder !== null && others.every((path) => path.length > 1 && path[0] === folder))
    return folder
  return first!.at(-1)!
}

function checkChoices({
  description,
  expiresAfterMs,
  password,
  downloadLimit,
}: ShareChoices): void {
  const isCount = (value: number | null): boolean =>
    value === null || (Number.isSafeInteger(value) && value > 0)
  if (typeof description !== 'string' || description.length > MAX_DESCRIPTION_CHARS) {
    throw new LimitExceededError('the description is too long')
  }
  if (!isCount(expiresAfterMs) || !isCount(downloadLimit)) throw new InvalidDataError('no choice')
  if (password !== null && (typeof password !== 'string' || password === '')) {
    throw new InvalidDataError('no password')
  }
}

function intakeProblem(error: unknown): TransferProblem {
  if (error instanceof StorageFullError) return 'storage-full'
  return error instanceof UnreadableFileError ? 'unreadable' : 'damaged'
}
