import { TypedEventEmitter } from 'main-event'
import type { Channel, Channels } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../../protocol/seams.ts'
import type { ContentId } from '../content-id.ts'
import type { Holding } from '../holding.ts'
import type { Part } from '../parts.ts'
import { Conversation, type Admission } from './conversation.ts'
import { Download } from './download.ts'
import { BLOCKS_PROTOCOL, MAX_BLOCKS_FRAME_BYTES, type Refusal } from './protocol.ts'
import { Rate, type Rates } from './rate.ts'
import { GAINED_PACE_MS, type Reader } from './reader.ts'
import { Reputation, type Ban } from './reputation.ts'
import { Suggestions } from './suggestions.ts'
import { UploadSlots } from './upload-slots.ts'

export interface ExchangeComponents {
  channels: Channels
  clock: Clock
  random: Random
  log: Logger
}

export interface ExchangeInit {
  /** Whether this peer is given this content. */
  admit(content: ContentId, peer: PeerIdString): Admission | Promise<Admission>
  /** Whether nobody is given this content for now: who gets it waits. Once that changes, `settle`. Default: none is. */
  halts?(content: ContentId): boolean
  /** What is known of sources. Default: one that is forgotten when the host ends. */
  reputation?: Reputation
}

export interface ExchangeEvents {
  /** Who reads, or how much they were given, changed. */
  readers: CustomEvent<ContentId>
  /** A part was given to somebody. */
  gave: CustomEvent<{ content: ContentId; peer: PeerIdString; part: Part; bytes: number }>
  /** They have all of a content: they got it here, or say so when asked. */
  served: CustomEvent<{ content: ContentId; peer: PeerIdString }>
  banned: CustomEvent<{ peer: PeerIdString } & Ban>
}

/** A content that is got, and who may have it, also who is banned: they are asked once that is lifted. */
interface Getting {
  download: Download
  peers: Set<PeerIdString>
}

/**
 * Gives and gets contents over channels of `/starling/blocks/1.0.0`, one a peer. Whoever gets something from us while we
 * get it too is a source as well. Who is banned is asked for nothing, and given what they ask for like anybody: what we
 * give can be verified, whatever they gave.
 */
export class Exchange extends TypedEventEmitter<ExchangeEvents> implements Startable {
  readonly rates: Rates
  readonly reputation: Reputation
  readonly #components: ExchangeComponents
  readonly #init: ExchangeInit
  readonly #slots: UploadSlots
  readonly #getting = new Map<ContentId, Getting>()
  readonly #conversations = new Map<PeerIdString, Conversation>()
  readonly #readers = new Set<Reader>()
  /** What these peers are to be asked about, and have not answered yet. */
  readonly #inquiries = new Map<PeerIdString, Set<ContentId>>()
  /** Of contents that are read here. */
  readonly #suggestions = new Map<ContentId, Suggestions>()
  /** Readers that will be told what is here by now. */
  readonly #untold = new Set<Reader>()
  #cancelTell: (() => void) | null = null
  #unhandle: (() => Promise<void>) | null = null

  constructor(components: ExchangeComponents, init: ExchangeInit) {
    super()
    this.#components = components
    this.#init = init
    this.reputation = init.reputation ?? new Reputation({ ...components, store: null })
    this.rates = { down: new Rate(components.clock), up: new Rate(components.clock) }
    this.#slots = new UploadSlots(components, {
      givenBy: (reader) => this.#givenBy(reader),
      halts: ({ content }) => this.#init.halts?.(content) ?? false,
    })
  }

  async start(): Promise<void> {
    this.#unhandle ??= await this.#components.channels.handle({
      protocol: BLOCKS_PROTOCOL,
      maxFrameBytes: MAX_BLOCKS_FRAME_BYTES,
      wide: true,
      accept: (peer) => this.#askedOf(peer).length > 0 || this.#inquiries.has(peer),
      takes: () => true,
      onChannel: (channel) => {
        void this.#converse(channel)
      },
    })
  }

  async stop(): Promise<void> {
    const unhandle = this.#unhandle
    this.#unhandle = null
    for (const { download } of this.#getting.values()) download.stop()
    this.#getting.clear()
    this.#inquiries.clear()
    this.#cancelTell?.()
    this.#cancelTell = null
    this.rates.down.stop()
    this.rates.up.stop()
    await unhandle?.()
    this.#slots.stop()
  }

  /** Who gets something from us now; `content` alone, if given. */
  readers(content?: ContentId): Reader[] {
    return [...this.#readers].filter(
      (reader) => content === undefined || reader.content === content,
    )
  }

  isBanned(peer: PeerIdString): boolean {
    return this.reputation.isBanned(peer)
  }

  /** Begins to get what is missing of this content. It asks nobody before `from` names somebody. */
  get(holding: Holding): Download {
    const known = this.#getting.get(holding.content)
    if (known !== undefined) return known.download
    const download = new Download(holding, this.#components)
    this.#getting.set(holding.content, { download, peers: new Set() })
    download.addEventListener('taken', ({ detail: part }) => {
      this.#took(holding.content, part)
    })
    download.addEventListener('parted', ({ detail: { peer, bytes, pipeline } }) => {
      const bytesPerSecond = pipeline.bytesPerSecond(this.#components.clock.now())
      if (bytes > 0) this.reputation.gave(peer, bytes, bytesPerSecond)
    })
    download.addEventListener('lied', ({ detail: { peer, part, gave } }) => {
      this.#ban(peer, { content: holding.content, part, gave })
    })
    download.addEventListener('complete', () => {
      this.#closeEverywhere(download)
      for (const reader of this.readers(holding.content)) {
        if (reader.interested) this.#conversations.get(reader.peer)?.follow(reader)
      }
    })
    // Who gets it from us may have some of it, too.
    for (const { peer, content } of this.#readers)
      if (content === holding.content) this.from(content, peer)
    download.start()
    return download
  }

  /** This peer may have some of a content that is got. */
  from(content: ContentId, peer: PeerIdString): void {
    const getting = this.#getting.get(content)
    if (getting === undefined) return
    getting.peers.add(peer)
    if (this.isBanned(peer)) return
    const conversation = this.#conversations.get(peer)
    if (conversation === undefined) this.#components.channels.offer(BLOCKS_PROTOCOL, peer)
    else if (getting.download.running) conversation.open(getting.download)
  }

  /** This peer is asked for this content no more; if it has given nothing, it was tried in vain. */
  forget(content: ContentId, peer: PeerIdString): void {
    const getting = this.#getting.get(content)
    if (getting?.peers.delete(peer) !== true) return
    const sources = [...getting.download.sources].filter((source) => source.peer === peer)
    if (sources.every(({ bytes }) => bytes === 0)) this.reputation.failed(peer)
    this.#conversations.get(peer)?.close(getting.download)
    this.#components.channels.offer(BLOCKS_PROTOCOL, peer)
  }

  /**
   * Asks this peer, once it can be reached, whether all of this content is there; `served` tells if so. Whoever gets it here
   * says so, but not where the path ends just then.
   */
  inquire(content: ContentId, peer: PeerIdString): void {
    this.#inquiries.set(peer, (this.#inquiries.get(peer) ?? new Set()).add(content))
    const conversation = this.#conversations.get(peer)
    if (conversation === undefined) this.#components.channels.offer(BLOCKS_PROTOCOL, peer)
    else conversation.inquire(content)
  }

  /** This peer is not banned any more: it is asked for all it may have. */
  pardon(peer: PeerIdString): void {
    this.reputation.pardon(peer)
    for (const { holding } of this.#askedOf(peer)) this.from(holding.content, peer)
  }

  /** Nothing more of it is got; what is here stays. */
  leave(content: ContentId): void {
    const getting = this.#getting.get(content)
    if (getting === undefined) return
    this.#getting.delete(content)
    getting.download.stop()
    this.#closeEverywhere(getting.download)
  }

  /** What is halted may have changed. */
  settle(): void {
    this.#slots.settle()
  }

  /** Nobody is given this content any more. */
  refuse(content: ContentId, reason: Refusal): void {
    for (const conversation of this.#conversations.values()) conversation.refuse(content, reason)
  }

  async #converse(channel: Channel): Promise<void> {
    const { log, clock } = this.#components
    const { peer } = channel
    const conversation = new Conversation(
      { channel, clock, rates: this.rates },
      {
        admit: (content) => this.#init.admit(content, peer),
        readerCame: (reader) => {
          this.#readers.add(reader)
          this.#slots.add(reader)
          this.from(reader.content, peer)
          this.safeDispatchEvent('readers', { detail: reader.content })
        },
        readerTurned: (reader) => {
          const { content, holding, interested } = reader
          this.#slots.settle()
          // While we get it as well, they are a source that tells already.
          if (!holding.complete) return
          if (interested) conversation.follow(reader)
          else this.safeDispatchEvent('served', { detail: { content, peer } })
        },
        readerWent: (reader) => {
          this.#readers.delete(reader)
          this.#untold.delete(reader)
          this.#slots.remove(reader)
          this.#suggestions.get(reader.content)?.release(reader)
          if (this.readers(reader.content).length === 0) this.#suggestions.delete(reader.content)
          this.safeDispatchEvent('readers', { detail: reader.content })
        },
        suggest: (reader, asked) => this.#suggest(reader, asked),
        choked: (reader) => this.#suggestions.get(reader.content)?.release(reader),
        gave: (reader, part, bytes) => {
          if (part.kind === 'leaf') this.#suggestions.get(reader.content)?.gave(part.index)
          this.safeDispatchEvent('gave', { detail: { content: reader.content, peer, part, bytes } })
        },
        answered: (content, complete) => {
          const asked = this.#inquiries.get(peer)
          asked?.delete(content)
          if (asked?.size === 0) this.#inquiries.delete(peer)
          if (complete) this.safeDispatchEvent('served', { detail: { content, peer } })
        },
      },
    )
    this.#conversations.set(peer, conversation)
    try {
      for (const download of this.#askedOf(peer)) conversation.open(download)
      for (const content of this.#inquiries.get(peer) ?? []) conversation.inquire(content)
      await conversation.run()
    } catch (error) {
      log.warn(`blocks with ${peer} ended: ${String(error)}`)
      channel.close(error instanceof Error ? error : undefined)
    } finally {
      if (this.#conversations.get(peer) === conversation) this.#conversations.delete(peer)
    }
  }

  /** One reader alone may ask as it likes. */
  #suggest(reader: Reader, asked: readonly Part[]): number[] {
    const { content, complete, leaves } = reader.holding
    if (!complete || this.readers(content).length < 2) return []
    const suggestions =
      this.#suggestions.get(content) ?? new Suggestions(leaves, this.#components.random)
    this.#suggestions.set(content, suggestions)
    for (const { kind, index } of asked) if (kind === 'leaf') suggestions.asked(reader, index)
    return suggestions.next(reader)
  }

  /** What has come can be given on. */
  #took(content: ContentId, part: Part): void {
    for (const reader of this.#readers) {
      if (reader.content !== content) continue
      reader.note(part)
      this.#untold.add(reader)
    }
    if (this.#untold.size === 0) return
    this.#cancelTell ??= this.#components.clock.after(GAINED_PACE_MS, () => {
      this.#cancelTell = null
      for (const reader of this.#untold) reader.tell()
      this.#untold.clear()
    })
  }

  #ban(peer: PeerIdString, ban: Ban): void {
    this.reputation.ban(peer, ban)
    const conversation = this.#conversations.get(peer)
    for (const { download } of this.#getting.values()) conversation?.close(download)
    this.#components.channels.offer(BLOCKS_PROTOCOL, peer)
    this.safeDispatchEvent('banned', { detail: { peer, ...ban } })
  }

  #closeEverywhere(download: Download): void {
    for (const conversation of this.#conversations.values()) conversation.close(download)
  }

  /** What this peer is asked for. */
  #askedOf(peer: PeerIdString): Download[] {
    if (this.isBanned(peer)) return []
    return [...this.#getting.values()]
      .filter(({ peers, download }) => peers.has(peer) && download.running)
      .map(({ download }) => download)
  }

  #givenBy(reader: Reader): number {
    const nowMs = this.#components.clock.now()
    const sources = this.#getting.get(reader.content)?.download.sources ?? new Set()
    for (const source of sources) {
      if (source.peer === reader.peer) return source.pipeline.bytesPerSecond(nowMs)
    }
    return 0
  }
}
