import type { Channel } from '../../p2p/api.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { ContentId } from '../content-id.ts'
import type { Holding } from '../holding.ts'
import type { Part, PartKind } from '../parts.ts'
import { release } from '../release.ts'
import type { Download } from './download.ts'
import {
  decodeFrame,
  encodeMessage,
  encodePart,
  MAX_TOPICS,
  type BlocksFrame,
  type BlocksMessage,
  type Refusal,
} from './protocol.ts'
import type { Rates } from './rate.ts'
import { Reader } from './reader.ts'
import { Source } from './source.ts'

/** Parts of one peer that are verified and written at once; more wait on the wire. */
const MAX_ARRIVING = 16

/** Whoever has given so much is about to give more: from then on more connections are worth their price. */
const WIDE_BYTES = 2 * 1024 * 1024

/**
 * Words for a peer that does not take them: most of them answer its own, so that it could have us keep any number. What we
 * have of 4 TiB is told in so many.
 */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024

/** Whether somebody is given a content. */
export type Admission = { holding: Holding } | { refusal: Refusal }

export interface ConversationComponents {
  channel: Channel
  clock: Clock
  rates: Rates
}

export interface ConversationInit {
  admit(content: ContentId, peer: PeerIdString): Admission | Promise<Admission>
  readerCame(reader: Reader): void
  /** What they need from us has changed. */
  readerTurned(reader: Reader): void
  readerWent(reader: Reader): void
  /** Leaves this reader should ask for next, now that it has asked for these. */
  suggest(reader: Reader, asked: readonly Part[]): number[]
  /** This reader is given nothing any more, or for now. */
  choked(reader: Reader): void
  /** This part, of so many bytes, was given to this reader. */
  gave(reader: Reader, part: Part, bytes: number): void
  /** What they were asked about: whether all of this content is there. */
  answered(content: ContentId, complete: boolean): void
}

/** One channel of `/starling/blocks/1.0.0`: what we get over it, and what we give. */
export class Conversation {
  readonly peer: PeerIdString
  readonly #components: ConversationComponents
  readonly #init: ConversationInit
  readonly #sources = new Map<number, { source: Source; download: Download }>()
  readonly #readers = new Map<number, Reader>()
  /** What they are asked about alone, by the topics for it. */
  readonly #inquiries = new Map<number, ContentId>()
  /** Readers who tell what they have meanwhile, by the topics for it. */
  readonly #followed = new Map<number, Reader>()
  #lastTopic = -1
  #arrivedBytes = 0
  /** Of messages that the channel has not taken yet. */
  #unsentBytes = 0
  #giving = false
  /** Where to go on with the next reader that waits. */
  #lastServed: Reader | null = null

  constructor(components: ConversationComponents, init: ConversationInit) {
    this.#components = components
    this.#init = init
    this.peer = components.channel.peer
  }

  /** Whether no more topics may be opened here. */
  get #full(): boolean {
    return this.#sources.size + this.#inquiries.size + this.#followed.size >= MAX_TOPICS
  }

  /** The topic under which this download asks here, opened if there is none. */
  open(download: Download): void {
    for (const each of this.#sources.values()) if (each.download === download) return
    if (this.#full) return
    const { channel } = this.#components
    const topic = (this.#lastTopic += 1)
    const source = new Source({
      peer: this.peer,
      path: channel.path,
      topic,
      send: (message) => {
        this.#send(message)
      },
      connections: () => channel.connections,
    })
    this.#sources.set(topic, { source, download })
    this.#send({ type: 'open', topic, content: download.holding.content })
    download.add(source)
  }

  /** This download needs nothing from here any more. */
  close(download: Download): void {
    for (const [topic, each] of this.#sources) {
      if (each.download !== download) continue
      this.#sources.delete(topic)
      this.#send({ type: 'close', topic })
      download.remove(each.source)
    }
  }

  /** Asks what they have of this content, and for nothing of it. */
  inquire(content: ContentId): void {
    if (this.#full || [...this.#inquiries.values()].includes(content)) return
    const topic = (this.#lastTopic += 1)
    this.#inquiries.set(topic, content)
    this.#send({ type: 'open', topic, content })
  }

  /**
   * Has this reader tell what they have, as long as they read: they may get it from others, too, and had some of it when
   * they came. Who gives nothing on does not tell. Who only follows never says that they are interested: nobody follows them.
   */
  follow(reader: Reader): void {
    const known = [...this.#followed.values()].some(({ content }) => content === reader.content)
    if (this.#full || known) return
    const topic = (this.#lastTopic += 1)
    this.#followed.set(topic, reader)
    this.#send({ type: 'open', topic, content: reader.content })
  }

  /** Nothing of this content is given here any more. */
  refuse(content: ContentId, reason: Refusal): void {
    for (const reader of this.#readers.values()) {
      if (reader.content !== content) continue
      this.#forget(reader)
      this.#send({ type: 'refused', topic: reader.topic, reason })
    }
  }

  /** Speaks until the channel ends. @throws StarlingError for what a peer must not say */
  async run(): Promise<void> {
    const arriving = new Set<Promise<void>>()
    const failed = new AbortController()
    try {
      for await (const bytes of this.#components.channel.frames()) {
        const frame = decodeFrame(bytes as Uint8Array<ArrayBuffer>)
        if (frame.type === 'open') await this.#opened(frame.topic, frame.content)
        else if (frame.type !== 'part') this.#heed(frame)
        else {
          // What is not read waits at the sender: its credit is used up.
          await this.#components.rates.down.pass(frame.bytes.byteLength)
          const kept = this.#arrived(frame)
            .catch((error: unknown) => {
              failed.abort(error)
            })
            .finally(() => arriving.delete(kept))
          arriving.add(kept)
          if (arriving.size >= MAX_ARRIVING) await Promise.race(arriving)
        }
        failed.signal.throwIfAborted()
      }
      await Promise.all(arriving)
    } finally {
      for (const { source, download } of this.#sources.values()) download.remove(source)
      this.#sources.clear()
      for (const reader of [...this.#readers.values()]) this.#forget(reader)
    }
  }

  /** Gives what readers wait for, a part at a time, to one after the other. */
  give(): void {
    if (this.#giving) return
    this.#giving = true
    void this.#giveAll()
  }

  async #giveAll(): Promise<void> {
    const { channel, rates } = this.#components
    try {
      for (let reader = this.#nextReader(); reader !== null; reader = this.#nextReader()) {
        if (channel.closed.aborted) return
        const part = reader.next()!
        const bytes = await reader.holding.read(part)
        // What is called off meanwhile is rejected already.
        if (bytes === null) {
          if (reader.claim(part)) reader.lacks(part)
          continue
        }
        const { byteLength } = bytes
        if (!(await rates.up.pass(byteLength, () => reader.claim(part)))) continue
        const frame = encodePart(reader.topic, part, bytes)
        release(bytes)
        await channel.spread(frame)
        reader.speed.count(byteLength, this.#components.clock.now())
        this.#init.gave(reader, part, byteLength)
      }
    } catch (error) {
      // A channel that ends has told so; anything else must not go unheard.
      if (!channel.closed.aborted) channel.close(error instanceof Error ? error : undefined)
    } finally {
      // In the same turn in which nobody waited any more: who asks in the next is not overlooked.
      this.#giving = false
    }
  }

  #nextReader(): Reader | null {
    const waiting = [...this.#readers.values()].filter(({ waits }) => waits)
    if (waiting.length === 0) return null
    const after = this.#lastServed === null ? -1 : waiting.indexOf(this.#lastServed)
    this.#lastServed = waiting[(after + 1) % waiting.length]!
    return this.#lastServed
  }

  #heed(message: Exclude<BlocksFrame, { type: 'part' | 'open' }>): void {
    switch (message.type) {
      case 'ask':
        this.#asked(message.topic, message.parts.map(partOf))
        return
      case 'drop':
        this.#readers.get(message.topic)?.drop(message.parts.map(partOf))
        return
      case 'interest': {
        const reader = this.#readers.get(message.topic)
        if (reader === undefined || reader.interested === message.interested) return
        reader.interested = message.interested
        this.#init.readerTurned(reader)
        return
      }
      case 'close': {
        const reader = this.#readers.get(message.topic)
        if (reader !== undefined) this.#forget(reader)
        return
      }
      case 'has':
        if (this.#inquiries.has(message.topic)) {
          this.#send({ type: 'close', topic: message.topic })
          this.#answered(message.topic, message.page === null)
        }
        this.#followed.get(message.topic)?.has(message.page, message.bits)
        this.#of(message.topic, ({ source, download }) => {
          download.has(source, message.page, message.bits)
        })
        return
      case 'gained':
        this.#followed.get(message.topic)?.gained(message.leaves, this.#components.clock.now())
        this.#of(message.topic, ({ source, download }) => {
          download.gained(source, message.leaves)
        })
        return
      case 'suggest':
        this.#of(message.topic, ({ source, download }) => {
          download.suggested(source, message.leaves)
        })
        return
      case 'choke':
        this.#of(message.topic, ({ source, download }) => {
          download.choke(source, message.choked)
        })
        return
      case 'reject':
        this.#of(message.topic, ({ source, download }) => {
          download.rejected(source, message.parts.map(partOf))
        })
        return
      case 'lacks':
        this.#of(message.topic, ({ source, download }) => {
          download.lacks(source, { kind: message.kind, index: message.index })
        })
        return
      case 'refused':
        this.#answered(message.topic, false)
        this.#followed.delete(message.topic)
        this.#of(message.topic, ({ source, download }) => {
          this.#sources.delete(message.topic)
          download.refused(source, message.reason)
        })
    }
  }

  #answered(topic: number, complete: boolean): void {
    const content = this.#inquiries.get(topic)
    if (content === undefined) return
    this.#inquiries.delete(topic)
    this.#init.answered(content, complete)
  }

  #asked(topic: number, parts: Part[]): void {
    const reader = this.#readers.get(topic)
    if (reader === undefined) return
    reader.ask(parts)
    if (!reader.choked) this.#suggest(reader, parts)
    this.give()
  }

  #suggest(reader: Reader, asked: readonly Part[]): void {
    const leaves = this.#init.suggest(reader, asked)
    if (leaves.length > 0) this.#send({ type: 'suggest', topic: reader.topic, leaves })
  }

  async #opened(topic: number, content: ContentId): Promise<void> {
    if (this.#readers.has(topic)) throw new InvalidDataError('a topic is opened once')
    if (this.#readers.size >= MAX_TOPICS) throw new LimitExceededError('too many topics')
    const admission = await this.#init.admit(content, this.peer)
    if ('refusal' in admission) {
      this.#send({ type: 'refused', topic, reason: admission.refusal })
      return
    }
    const reader: Reader = new Reader({
      peer: this.peer,
      path: this.#components.channel.path,
      topic,
      holding: admission.holding,
      send: (message) => {
        // What to ask for is told before it may be asked.
        if (message.type === 'choke') {
          if (message.choked) this.#init.choked(reader)
          else this.#suggest(reader, [])
        }
        this.#send(message)
      },
    })
    this.#readers.set(topic, reader)
    reader.tell()
    this.#init.readerCame(reader)
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader.topic)
    for (const [topic, each] of this.#followed) {
      if (each !== reader) continue
      this.#followed.delete(topic)
      this.#send({ type: 'close', topic })
    }
    reader.end()
    this.#init.readerWent(reader)
  }

  async #arrived({
    topic,
    kind,
    index,
    bytes,
  }: Extract<BlocksFrame, { type: 'part' }>): Promise<void> {
    const known = this.#sources.get(topic)
    // What was under way when it was closed.
    if (known === undefined) return
    this.#arrivedBytes += bytes.byteLength
    if (this.#arrivedBytes >= WIDE_BYTES) this.#components.channel.widen()
    await known.download.arrived(known.source, { kind, index }, bytes)
    // Of a list or a manifest more is kept than what was put.
    if (kind === 'leaf') release(bytes)
  }

  /** Of a topic that was closed there may still be something under way. */
  #of(topic: number, heed: (known: { source: Source; download: Download }) => void): void {
    const known = this.#sources.get(topic)
    if (known !== undefined) heed(known)
  }

  #send(message: BlocksMessage): void {
    const { channel } = this.#components
    const bytes = encodeMessage(message)
    this.#unsentBytes += bytes.byteLength
    if (this.#unsentBytes > MAX_UNSENT_BYTES) {
      channel.close(new LimitExceededError('answers are asked for and not taken'))
      return
    }
    channel
      .send(bytes)
      // What a channel that ends does not take is said again on the next.
      .catch(() => undefined)
      .finally(() => {
        this.#unsentBytes -= bytes.byteLength
      })
  }
}

function partOf([kind, index]: [PartKind, number]): Part {
  return { kind, index }
}
