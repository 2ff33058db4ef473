import type { Identity } from '../crypto/api.ts'
import type { Channel, Channels } from '../p2p/api.ts'
import { InvalidDataError, StorageFullError } from '../protocol/errors.ts'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Place } from '../protocol/place.ts'
import type { Clock, Logger, Random, Startable } from '../protocol/seams.ts'
import { forgottenChains, heldOf, type Chains, type Delivered, type Outgoing } from './chain.ts'
import { decodeContent } from './content.ts'
import type { Devices } from './devices.ts'
import { decodeEnvelope, encodeEnvelope, messageId, type Envelope } from './envelope.ts'
import { NotAcceptedError } from './errors.ts'
import { MAX_FRAME_BYTES } from './frames.ts'
import { Inbox, MAX_EARLY, type InboxInit } from './inbox.ts'
import { Ledger } from './ledger.ts'
import { OwedNotes } from './owed-notes.ts'
import { Post, type PostInit } from './post.ts'
import type { Mail, Sealer } from './seams.ts'
import { Session, type Incoming, type Intake, type Taken, type Told } from './session.ts'
import type { DeliveryStore } from './store.ts'

/**
 * Times one peer is given keys in a day. Each takes the place of a one-time prekey that somebody else was given, of which
 * 400 are kept: so it takes more than one to use those up.
 */
export const MAX_GIVEN_A_DAY = 40

const DAY_MS = 24 * 60 * 60 * 1000

export interface DeliveryComponents {
  identity: Pick<Identity, 'peer'>
  channels: Channels
  store: DeliveryStore
  sealer: Sealer
  mail: Mail
  devices: Pick<Devices, 'announcement' | 'generation' | 'hear'>
  clock: Clock
  random: Random
  logger: Logger
}

export interface DeliveryInit extends InboxInit, PostInit {
  /** Protocol id of the channels. */
  protocol: string
  /** They are writing, or no longer: as often as they say so. */
  onTyping?(peer: PeerIdString, on: boolean): void
}

/**
 * Durable messages between two people. Guarantees: a message sent is durable before its id is told; it arrives once,
 * unchanged, and in an order that never puts an effect before its cause, whatever channels do and wherever
 * either side stops; what is told as received or read is true. Order and states: envelope.ts, frames.ts, chain.ts.
 *
 * A conversation with oneself has the same chain and no channel.
 */
export class Delivery implements Startable, Intake {
  /** What goes by mailboxes. */
  readonly post: Post
  readonly #components: DeliveryComponents
  readonly #init: DeliveryInit
  readonly #sessions = new Map<PeerIdString, Session>()
  readonly #ledger: Ledger
  readonly #notes: OwedNotes
  readonly #inbox: Inbox
  /** How often keys were given to whom, on which day. */
  readonly #given = new Map<PeerIdString, { day: number; times: number }>()
  #unhandle: (() => Promise<void>) | null = null

  constructor(components: DeliveryComponents, init: DeliveryInit) {
    this.#components = components
    this.#init = init
    this.#ledger = new Ledger(components)
    this.#notes = new OwedNotes({ ...components, ledger: this.#ledger })
    this.#inbox = new Inbox(components, init)
    this.post = new Post(
      {
        ...components,
        ledger: this.#ledger,
        inbox: this.#inbox,
        notes: this.#notes,
        sessions: this.#sessions,
      },
      init,
    )
  }

  async start(): Promise<void> {
    if (this.#unhandle !== null) return
    this.#unhandle = await this.#components.channels.handle({
      protocol: this.#init.protocol,
      maxFrameBytes: MAX_FRAME_BYTES,
      accept: (peer) => this.#init.accept(peer),
      onChannel: (channel) => {
        void this.#serve(channel)
      },
    })
  }

  async stop(): Promise<void> {
    await this.#unhandle?.()
    this.#unhandle = null
    await Promise.all([...this.#sessions.values()].map((session) => session.end()))
    await this.#ledger.turns.idle()
  }

  /** What `accept` says about this peer may have changed. */
  offer(peer: PeerIdString): void {
    this.#components.channels.offer(this.#init.protocol, peer)
  }

  /**
   * Resolves once the message is durable here. The same `intent` again is the same message.
   * @throws StorageFullError, LimitExceededError
   */
  async send(peer: PeerIdString, payload: Uint8Array, intent: string): Promise<MessageId> {
    const { clock, identity, mail, store } = this.#components
    return this.#ledger.turns.run(peer, async () => {
      const sent = await store.sentFor(peer, intent)
      if (sent !== null) return sent
      const chains = await this.#ledger.chains(peer)
      const { chain } = chains.mine
      const envelope: Envelope = {
        chain,
        sequence: chains.mine.sequence + 1,
        previous: chains.mine.head,
        parent: chains.theirs?.head ?? null,
        clock: chains.clock + 1,
        sentAtMs: clock.now(),
        payload,
      }
      const bytes = encodeEnvelope(envelope)
      const id = messageId(identity.peer, peer, bytes)
      const { sequence, sentAtMs } = envelope
      // Sealed before the transaction: one that waits for anything else commits by itself. A turn is alone with the keys.
      const sealable = peer !== identity.peer && (await this.#init.accept(peer))
      const sealing = sealable ? await this.#ledger.sealEnvelope(peer, bytes) : null
      const sealed = sealing?.sealed ?? null
      const after = {
        ...chains,
        clock: envelope.clock,
        mine: { ...chains.mine, sequence, head: id },
      }
      const message: Delivered = {
        ...{ id, peer, mine: true, chain, sequence, clock: envelope.clock },
        ...{ sentAtMs, receivedAtMs: sentAtMs, payload },
      }
      const outgoing = { peer, chain, sequence, id, intent, envelope: bytes, sealed, receipts: [] }
      await store.putSent(after, outgoing, message, sealing?.step ?? null)
      this.#sessions.get(peer)?.wake()
      if (peer !== identity.peer) mail.post(peer)
      return id
    })
  }

  /** All of theirs up to and including this message was on my screen. */
  async markRead(peer: PeerIdString, upTo: MessageId): Promise<void> {
    await this.#ledger.turns.run(peer, async () => {
      const chains = await this.#components.store.markRead(peer, upTo)
      if (chains === null) return
      const session = this.#sessions.get(peer)
      if (session !== undefined) session.tellRead()
      else await this.#notes.owe(peer, 'status')
    })
  }

  /** The answer of `tellsRead` is another now. */
  tellRead(): void {
    for (const session of this.#sessions.values()) session.tellRead()
  }

  /** Tells them that I am writing, or no longer, if they are connected. */
  tellTyping(peer: PeerIdString, on: boolean): void {
    this.#sessions.get(peer)?.tellTyping(on)
  }

  /** Deletes the history. What was not delivered never will be. */
  async forget(peer: PeerIdString): Promise<void> {
    const { random, store } = this.#components
    await this.#ledger.turns.run(peer, async () => {
      const { theirs } = await this.#ledger.chains(peer)
      // What waited behind a gap is deleted with the keys that opened it: like the rest it is still to come, sealed anew.
      const waits = theirs !== null && (await store.early(peer, theirs.chain)).length > 0
      if (waits) await this.#notes.owe(peer, 'status', true)
      await store.forget(forgottenChains(await this.#ledger.chains(peer), random))
      this.#sessions.get(peer)?.tellAgain()
    })
  }

  /** Their keys are others now: all that they have not acknowledged is sealed again, in a new session. */
  async forgetKeys(peer: PeerIdString): Promise<void> {
    const { store } = this.#components
    await this.#ledger.turns.run(peer, async () => {
      const { mine } = await this.#ledger.chains(peer)
      await store.forgetKeys(peer, mine.chain, heldOf(mine))
    })
  }

  /**
   * Takes a sealed message in from a channel. It is opened only when it is taken: a key opens one message once.
   * @throws StarlingError when it is not acceptable.
   */
  async receive(peer: PeerIdString, { chain, sequence, sealed }: Incoming): Promise<Taken> {
    const { store } = this.#components
    return this.#ledger.turns.run(peer, async () => {
      // A channel is still read to its end when the answer has changed.
      if (!(await this.#init.accept(peer))) throw new NotAcceptedError('no longer accepted')
      const before = await this.#ledger.chains(peer)
      if (before.past.includes(chain)) return { type: 'ended' }
      const known = before.theirs?.chain === chain ? before.theirs.sequence : 0
      if (sequence <= known) return { type: 'held' }
      const missing = { chain, first: known + 1, last: sequence - 1 }
      if (sequence > known + MAX_EARLY) return { type: 'early', missing }
      const waiting = await store.early(peer, chain)
      if (waiting.some((early) => early.sequence === sequence)) return { type: 'early', missing }
      const opened = await this.#ledger.open(peer, sealed)
      if (opened === null) return { type: 'unopened' }
      const content = decodeContent(opened.content)
      if (content.type !== 'message') throw new InvalidDataError('a note in the place of a message')
      const envelope = decodeEnvelope(content.envelope)
      if (envelope.chain !== chain || envelope.sequence !== sequence) {
        throw new InvalidDataError('another message than it was said to be')
      }
      const chains = await this.#inbox.turnedTo(before, envelope)
      if (chains === null) return { type: 'ended' }
      await this.#inbox.take(chains, envelope, content.envelope, opened.step)
      return sequence === known + 1 ? { type: 'held' } : { type: 'early', missing }
    })
  }

  /**
   * Where I can be written to has changed: those who are here are told, and who has not answered my hello is left
   * another, since they would answer to where that one said.
   */
  async tellPlace(): Promise<void> {
    for (const session of this.#sessions.values()) session.tellPlace()
    for (const peer of await this.post.waiting()) {
      await this.#ledger.turns.run(peer, () => this.#notes.renewHello(peer))
    }
  }

  announcement(): Promise<Uint8Array> {
    return this.#components.devices.announcement()
  }

  theyAnnounce(peer: PeerIdString, announcement: Uint8Array): Promise<Uint8Array | null> {
    return this.#components.devices.hear(peer, announcement)
  }

  /** They told where they can be written to while they sleep. */
  async theyAreAt(peer: PeerIdString, place: Place): Promise<void> {
    await this.#ledger.turns.run(peer, () => this.#components.store.putPlace(peer, place))
  }

  place(peer: PeerIdString): Promise<Place> {
    return this.#components.mail.place(peer)
  }

  /** Null when they were given enough for today. */
  async give(peer: PeerIdString): Promise<Uint8Array | null> {
    const { clock, logger, sealer } = this.#components
    const day = Math.floor(clock.now() / DAY_MS)
    const last = this.#given.get(peer)
    const times = last?.day === day ? last.times : 0
    if (times >= MAX_GIVEN_A_DAY) return null
    try {
      const keys = await sealer.give(peer)
      this.#given.set(peer, { day, times: times + 1 })
      return keys
    } catch (error) {
      // Whoever needs them says hello again, when there may be room.
      if (!(error instanceof StorageFullError)) throw error
      logger.error('no room for keys to be given', error)
      return null
    }
  }

  /** @param after what they hold of my chain; null when they want no more than to be written to */
  async theyGave(peer: PeerIdString, keys: Uint8Array, after: number | null): Promise<void> {
    const { sealer, store } = this.#components
    await this.#ledger.turns.run(peer, async () => {
      if (after === null && (await store.sessions(peer)) !== null) return
      const { mine } = await this.#ledger.chains(peer)
      const step = await sealer.begin(peer, keys)
      await store.putKeys(peer, step, mine.chain, after ?? mine.sequence)
    })
  }

  tellsRead(): boolean {
    return this.#init.tellsRead()
  }

  theyType(peer: PeerIdString, on: boolean): void {
    this.#init.onTyping?.(peer, on)
  }

  /** Where the chains stand; begins them when nothing was said yet. */
  chains(peer: PeerIdString): Promise<Chains> {
    return this.#ledger.turns.run(peer, () => this.#ledger.chains(peer))
  }

  /** Their side names the chain it writes now, and how long it is. */
  async theyBegan(peer: PeerIdString, chain: ChainId, sequence: number): Promise<void> {
    await this.#ledger.turns.run(peer, async () => {
      await this.#inbox.begin(await this.#ledger.chains(peer), chain, sequence)
    })
  }

  /** They have heard on a channel what a note would say, unless more of theirs has come since. */
  async theyKnow(peer: PeerIdString, told: Told): Promise<void> {
    await this.#ledger.turns.run(peer, async () => {
      const { theirs } = await this.#ledger.chains(peer)
      if (theirs?.chain !== told.chain || theirs.sequence !== told.received) return
      await this.#notes.settleStatus(peer)
    })
  }

  /** Their side says how far it holds, and maybe has read, my chain. */
  async theyHold(
    peer: PeerIdString,
    chain: ChainId,
    numbers: { received?: number; read?: number },
  ): Promise<void> {
    await this.#ledger.turns.run(peer, () => this.#ledger.hold(peer, chain, numbers))
  }

  /** Seals a message that waits; null while there are no keys of theirs. */
  seal(peer: PeerIdString, outgoing: Outgoing): Promise<Uint8Array | null> {
    return this.#ledger.seal(peer, outgoing)
  }

  async #serve(channel: Channel): Promise<void> {
    const { clock, logger, random, store } = this.#components
    const { peer } = channel
    await this.#sessions.get(peer)?.end()
    const session = new Session({ channel, clock, intake: this, logger, random, store })
    this.#sessions.set(peer, session)
    await session.run()
    if (this.#sessions.get(peer) === session) this.#sessions.delete(peer)
    if (session.unanswered) await this.#tellByMail(peer)
  }

  /** How far I hold theirs, when a channel may not have told them. */
  async #tellByMail(peer: PeerIdString): Promise<void> {
    const { logger } = this.#components
    try {
      await this.#ledger.turns.run(peer, () => this.post.oweHeld(peer))
    } catch (error) {
      logger.warn(`${peer} is not told what came of theirs: ${String(error)}`)
    }
  }
}
