import { Backoff } from '../p2p/backoff.ts'
import type { Channel } from '../p2p/api.ts'
import { InvalidDataError, StorageFullError } from '../protocol/errors.ts'
import type { ChainId, PeerIdString } from '../protocol/ids.ts'
import type { Clock, Logger, Random } from '../protocol/seams.ts'
import type { Chains, Outgoing } from './chain.ts'
import { frameCodec, type Frame } from './frames.ts'
import type { Place } from '../protocol/place.ts'
import type { DeliveryStore } from './store.ts'

/** Messages sent beyond the last acknowledged: 1 MiB of the longest, a quarter of what a reader may leave unread. */
export const WINDOW = 64

/** How long an acknowledgement may take before the first doubt, ms: 64 long messages over a slow relay. */
export const ACK_PATIENCE_MS = 10_000

/** Doubt is repeated after full jitter up to 1 s, and in the end 5 min (promises: delivery, 5). */
const RETRY = { firstMs: 1_000, maxMs: 5 * 60_000 }

/** Times keys are given, and taken to seal anew, on one channel: a session is begun once, and lost seldom. */
export const MAX_KEYS = 8

/** Numbers of a chain of theirs that are not here, both ends included. */
export interface Missing {
  chain: ChainId
  first: number
  last: number
}

/** A sealed message, and which one it is. */
export interface Incoming {
  chain: ChainId
  sequence: number
  sealed: Uint8Array
}

/**
 * What came of a message: it is durable here, belongs to a chain that has ended, was sealed with keys that are not
 * here, or others miss before it.
 */
export type Taken = { type: 'held' | 'ended' | 'unopened' } | { type: 'early'; missing: Missing }

/** Where what the other side says goes. */
export interface Intake {
  /** Where the chains stand, as stored. */
  chains(peer: PeerIdString): Promise<Chains>
  /** @throws StarlingError when the message is not acceptable. */
  receive(peer: PeerIdString, message: Incoming): Promise<Taken>
  /** Seals a message that waits, durably; null while there are no keys of theirs. */
  seal(peer: PeerIdString, outgoing: Outgoing): Promise<Uint8Array | null>
  /** What they need to begin a session with me; null when they were given enough for now, or there is no room. */
  give(peer: PeerIdString): Promise<Uint8Array | null>
  /**
   * They gave what is needed to begin a session with them.
   * @param after the number they hold of my chain, when all beyond is to be sealed anew; null when they only were asked
   * @throws StarlingError when it is not theirs
   */
  theyGave(peer: PeerIdString, keys: Uint8Array, after: number | null): Promise<void>
  /** What my installation says of itself. */
  announcement(): Promise<Uint8Array>
  /** They show an announcement; gives one they should see. @throws StarlingError */
  theyAnnounce(peer: PeerIdString, announcement: Uint8Array): Promise<Uint8Array | null>
  /** Where I can be written to by them while I sleep. */
  place(peer: PeerIdString): Promise<Place>
  theyAreAt(peer: PeerIdString, place: Place): Promise<void>
  theyBegan(peer: PeerIdString, chain: ChainId, sequence: number): Promise<void>
  /** They have heard that I hold this much of theirs. */
  theyKnow(peer: PeerIdString, told: Told): Promise<void>
  theyHold(
    peer: PeerIdString,
    chain: ChainId,
    numbers: { received?: number; read?: number },
  ): Promise<void>
  /** Whether they may know what I have read. */
  tellsRead(): boolean
  theyType(peer: PeerIdString, on: boolean): void
}

/** What I said I hold of a chain of theirs. */
export interface Told {
  chain: ChainId
  received: number
}

export interface SessionInit {
  channel: Channel
  clock: Clock
  intake: Intake
  logger: Logger
  random: Random
  store: DeliveryStore
}

/** One life of a channel: one loop reads, one writes, and what is durable lies in the store. */
export class Session {
  readonly #init: SessionInit
  readonly #backoff: Backoff
  /** The chain of mine the two numbers below are of. */
  #chain: ChainId | null = null
  /** What they said they hold of it on this channel; null until they did. */
  #received: number | null = null
  /** What they said so with their last hello. */
  #greeted: number | null = null
  /** The last number sent of it on this channel. */
  #sent = 0
  /** What my last hello told of theirs; null once they are known to have heard it. */
  #told: Told | null = null
  /** The chain they said they write. */
  #named: ChainId | null = null
  #due = { hello: true, ack: false, read: false, ask: false, place: true }
  /** To be shown to them: mine, or a newer one of theirs. */
  #announcing: 'mine' | Uint8Array | null = 'mine'
  /** Keys that are to be given: to be written to, or because what they sealed does not open. */
  #giving: 'asked' | 'anew' | null = null
  /** Keys were given since their last hello: what was sealed before they had these still comes, and opens no more than before. */
  #gaveAnew = false
  #typing: boolean | null = null
  #given = 0
  #taken = 0
  #asked = false
  #want: Missing | null = null
  /** The gap that was asked for last, since their last hello. */
  #missed: Missing | null = null
  #awake: (() => void) | null = null
  #wakes = 0
  #unretry: (() => void) | null = null
  #ended: Promise<void> | null = null
  #unanswered = false

  constructor(init: SessionInit) {
    this.#init = init
    this.#backoff = new Backoff(init.random, RETRY)
  }

  /** Resolves when the channel has ended and nothing is under way. */
  run(): Promise<void> {
    this.#ended ??= this.#run()
    return this.#ended
  }

  /** Whether it ended before they answered what was said last: it may not have been heard. */
  get unanswered(): boolean {
    return this.#unanswered
  }

  async end(): Promise<void> {
    this.#init.channel.close()
    await this.#ended
  }

  /** There may be something new in the outbox. */
  wake(): void {
    this.#wakes += 1
    this.#awake?.()
  }

  /** I have read more. */
  tellRead(): void {
    this.#due.read = true
    this.wake()
  }

  /** Where I can be written to has changed. */
  tellPlace(): void {
    this.#due.place = true
    this.wake()
  }

  /** I am writing, or no longer. */
  tellTyping(on: boolean): void {
    this.#typing = on
    this.wake()
  }

  /** My chain is another now. */
  tellAgain(): void {
    this.#due.hello = true
    this.wake()
  }

  /**
   * These of theirs are not here. A gap is asked for once: what is sent again for it is early once more, and would ask for
   * as much again, ever more often. If it stays, they doubt that they were heard and say all again.
   */
  miss(missing: Missing): void {
    const known = this.#missed
    if (known?.chain === missing.chain && known.first === missing.first) return
    this.#missed = missing
    this.#want = missing
    this.wake()
  }

  async #run(): Promise<void> {
    const { channel, logger } = this.#init
    const onClosed = (): void => {
      this.wake()
    }
    channel.closed.addEventListener('abort', onClosed)
    // Both to their ends: what one still does must not outlive the session.
    const ends = await Promise.allSettled([
      this.#guard(() => this.#write()),
      this.#guard(() => this.#read()),
    ])
    for (const end of ends) {
      if (end.status === 'rejected') {
        logger.warn(`messages with ${channel.peer} stopped: ${String(end.reason)}`)
      }
    }
    channel.closed.removeEventListener('abort', onClosed)
    this.#unanswered = this.#unretry !== null
    this.#unretry?.()
    this.#unretry = null
  }

  /** Whatever ends one loop ends both. */
  async #guard(loop: () => Promise<void>): Promise<void> {
    const { channel } = this.#init
    try {
      await loop()
      channel.close()
    } catch (error) {
      if (channel.closed.aborted) return
      channel.close(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  async #read(): Promise<void> {
    const { channel, logger } = this.#init
    for await (const bytes of channel.frames()) {
      const frame = frameCodec.decode(bytes)
      try {
        await this.#hear(frame)
      } catch (error) {
        // Not acknowledged, so it comes again when there may be room.
        if (!(error instanceof StorageFullError)) throw error
        logger.error('no room for what was received', error)
      }
    }
  }

  async #hear(frame: Frame): Promise<void> {
    const { channel, intake } = this.#init
    const { peer } = channel
    switch (frame.type) {
      case 'hello': {
        this.#gaveAnew = false
        this.#missed = null
        await intake.theyBegan(peer, frame.mine.chain, frame.mine.sequence)
        this.#named = frame.mine.chain
        await this.#heardHello(frame.yours)
        this.#due.ack = true
        this.#due.read = true
        break
      }
      case 'message': {
        const taken = await intake.receive(peer, frame)
        if (taken.type === 'early') this.miss(taken.missing)
        else if (taken.type === 'unopened') this.#giveAnew()
        else this.#due.ack = true
        break
      }
      case 'ask':
        this.#give('asked')
        break
      case 'typing':
        intake.theyType(peer, frame.on)
        return
      case 'keys':
        await this.#heardKeys(frame.keys, frame.anew)
        break
      case 'device':
        this.#announcing ??= await intake.theyAnnounce(peer, frame.announcement)
        break
      case 'place':
        await intake.theyAreAt(peer, frame.place)
        break
      case 'ack':
        await this.#heardNumbers(frame.chain, { received: frame.received })
        await this.#heardAnswer(frame.received)
        break
      case 'read':
        await this.#heardNumbers(frame.chain, { read: frame.read })
        break
      case 'want':
        // They follow a chain that has ended, and do not know the one I write now.
        if (frame.chain !== this.#chain) this.#due.hello = true
        else if (frame.first >= 1) this.#sent = Math.min(this.#sent, frame.first - 1)
        break
    }
    this.wake()
  }

  /** On a hello, sending begins anew after what they hold. */
  async #heardHello(
    yours: { chain: ChainId; received: number; read: number } | null,
  ): Promise<void> {
    const { channel, intake } = this.#init
    const { mine } = await intake.chains(channel.peer)
    const same = yours?.chain === mine.chain
    if (same) await this.#heardNumbers(yours.chain, yours)
    this.#chain = mine.chain
    this.#received = same ? yours.received : 0
    this.#greeted = this.#received
    this.#sent = this.#received
    this.#progress()
  }

  /** An ack of nothing new answers my hello, and no message: so what that told was heard. */
  async #heardAnswer(received: number): Promise<void> {
    const { channel, intake } = this.#init
    const told = this.#told
    if (told === null || received !== this.#greeted) return
    this.#told = null
    await intake.theyKnow(channel.peer, told)
  }

  #give(why: 'asked' | 'anew'): void {
    if (this.#given < MAX_KEYS && this.#giving !== 'anew') this.#giving = why
  }

  #giveAnew(): void {
    if (this.#gaveAnew) return
    this.#gaveAnew = true
    this.#give('anew')
  }

  async #heardKeys(keys: Uint8Array, anew: boolean): Promise<void> {
    const { channel, intake } = this.#init
    if (this.#taken === MAX_KEYS) return
    this.#taken += 1
    await intake.theyGave(channel.peer, keys, anew ? (this.#received ?? 0) : null)
    this.#asked = false
    if (anew && this.#received !== null) this.#sent = this.#received
  }

  async #heardNumbers(
    chain: ChainId,
    numbers: { received?: number; read?: number },
  ): Promise<void> {
    const { channel, intake } = this.#init
    const { mine } = await intake.chains(channel.peer)
    if (chain !== mine.chain) return
    if (Math.max(numbers.received ?? 0, numbers.read ?? 0) > mine.sequence) {
      throw new InvalidDataError('holds what was never sent')
    }
    await intake.theyHold(channel.peer, chain, numbers)
    if (numbers.received === undefined) return
    const before = this.#chain === chain ? this.#received : null
    this.#chain = chain
    this.#received = Math.max(before ?? 0, numbers.received)
    this.#sent = before === null ? this.#received : Math.max(this.#sent, this.#received)
    if (this.#received !== before) this.#progress()
  }

  async #write(): Promise<void> {
    const { channel } = this.#init
    while (!channel.closed.aborted) {
      const wakes = this.#wakes
      if (await this.#writeOne()) continue
      // Whatever came while looking is looked at again.
      if (wakes !== this.#wakes) continue
      await new Promise<void>((resolve) => (this.#awake = resolve))
      this.#awake = null
    }
  }

  /** Sends what is most due; false when nothing is. */
  async #writeOne(): Promise<boolean> {
    const { channel, intake, store } = this.#init
    const { mine, theirs, past } = await intake.chains(channel.peer)
    if (this.#due.hello) {
      this.#due.hello = false
      if (this.#chain !== mine.chain) this.#received = null
      const read = intake.tellsRead() ? (theirs?.read ?? 0) : 0
      this.#told = theirs && { chain: theirs.chain, received: theirs.sequence }
      await this.#send({
        type: 'hello',
        mine: { chain: mine.chain, sequence: mine.sequence },
        yours: this.#told && { ...this.#told, read },
      })
      this.#expect()
      return true
    }
    if (this.#due.ack) {
      this.#due.ack = false
      const named = this.#named
      if (named !== null && named !== theirs?.chain && !past.includes(named)) {
        // Nothing of it has come yet.
        await this.#send({ type: 'ack', chain: named, received: 0 })
      } else if (theirs !== null) {
        await this.#send({ type: 'ack', chain: theirs.chain, received: theirs.sequence })
      }
      return true
    }
    if (this.#due.read) {
      this.#due.read = false
      if (theirs !== null && intake.tellsRead()) {
        await this.#send({ type: 'read', chain: theirs.chain, read: theirs.read })
      }
      return true
    }
    if (this.#want !== null) {
      const want = this.#want
      this.#want = null
      await this.#send({ type: 'want', chain: want.chain, first: want.first, last: want.last })
      return true
    }
    if (this.#giving !== null) {
      const anew = this.#giving === 'anew'
      this.#giving = null
      const keys = await intake.give(channel.peer)
      if (keys === null) return true
      this.#given += 1
      await this.#send({ type: 'keys', keys, anew })
      return true
    }
    if (this.#due.ask) {
      this.#due.ask = false
      await this.#send({ type: 'ask' })
      this.#expect()
      return true
    }
    if (this.#announcing !== null) {
      const announcing = this.#announcing
      this.#announcing = null
      const announcement = announcing === 'mine' ? await intake.announcement() : announcing
      await this.#send({ type: 'device', announcement })
      return true
    }
    if (this.#due.place) {
      this.#due.place = false
      await this.#send({ type: 'place', place: await intake.place(channel.peer) })
      return true
    }
    if (this.#typing !== null) {
      const on = this.#typing
      this.#typing = null
      await this.#send({ type: 'typing', on })
      return true
    }
    if (this.#received === null || this.#chain !== mine.chain) return false
    const room = this.#received + WINDOW - this.#sent
    if (room <= 0 || this.#sent >= mine.sequence) return false
    const [next] = await store.outbox(channel.peer, mine.chain, this.#sent, 1)
    if (next === undefined) return false
    const sealed = next.sealed ?? (await intake.seal(channel.peer, next))
    if (sealed === null) {
      if (this.#asked) return false
      this.#asked = true
      this.#due.ask = true
      return true
    }
    const { chain, sequence } = next
    this.#sent = sequence
    await this.#send({ type: 'message', chain, sequence, sealed })
    this.#expect()
    return true
  }

  async #send(frame: Frame): Promise<void> {
    await this.#init.channel.send(frameCodec.encode(frame))
  }

  /** Something was sent that must be answered: if it is not in time, everything is said again. */
  #expect(): void {
    if (this.#unretry !== null) return
    const { clock, logger, channel } = this.#init
    this.#unretry = clock.after(ACK_PATIENCE_MS + this.#backoff.next(), () => {
      this.#unretry = null
      logger.debug(`no answer from ${channel.peer} in time`)
      this.#due.hello = true
      this.#asked = false
      if (this.#received !== null) this.#sent = this.#received
      this.wake()
    })
  }

  /** They hold more than before. */
  #progress(): void {
    this.#backoff.reset()
    this.#unretry?.()
    this.#unretry = null
    if (this.#received === null || this.#received < this.#sent) this.#expect()
  }
}
