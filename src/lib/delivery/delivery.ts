import type { Identity } from '../crypto/api.ts'
import { CannotOpenError } from '../crypto/errors.ts'
import type { Channel, Channels } from '../p2p/api.ts'
import type { Receipt } from '../db/schema.ts'
import { equalBytes } from '../protocol/codec.ts'
import { InvalidDataError, StorageFullError } from '../protocol/errors.ts'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../protocol/seams.ts'
import {
  forgottenChains,
  freshChains,
  heldOf,
  type Chains,
  type Delivered,
  type Outgoing,
  type Owed,
} from './chain.ts'
import { decodeContent, encodeContent, type Note, type StatusNote } from './content.ts'
import type { Devices } from './devices.ts'
import { decodeEnvelope, encodeEnvelope, messageId, type Envelope } from './envelope.ts'
import { NotAcceptedError } from './errors.ts'
import { MAX_FRAME_BYTES } from './frames.ts'
import { Inbox, type InboxInit } from './inbox.ts'
import { OwedNotes } from './owed-notes.ts'
import type { Place } from '../protocol/place.ts'
import { isKeptAt, standing, storesOf } from './receipts.ts'
import { markOf, type KeyStep, type Mail, type Sealer } from './seams.ts'
import { Session, type Incoming, type Intake, type Taken, type Told } from './session.ts'
import type { DeliveryStore } from './store.ts'
import { Turns } from '../protocol/turns.ts'

/** How far beyond a gap messages are kept. What lies further is sent again when the gap is closed. */
export const MAX_EARLY = 256

/**
 * Times one peer is given keys in a day. Each takes the place of a one-time prekey that somebody else was given, of which
 * 400 are kept: so it takes more than one to use those up.
 */
export const MAX_GIVEN_A_DAY = 40

const DAY_MS = 24 * 60 * 60 * 1000

/** Items from mailboxes that are remembered, for they come from each relay. */
const MAX_MAILED = 1_000

export interface DeliveryComponents {
  identity: Pick<Identity, 'peer'>
  channels: Channels
  store: DeliveryStore
  sealer: Sealer
  mail: Mail
  devices: Pick<Devices, 'announcement' | 'hear'>
  clock: Clock
  random: Random
  logger: Logger
}

export interface DeliveryInit extends InboxInit {
  /** Protocol id of the channels. */
  protocol: string
  /** Whether messages are exchanged with this peer. Asked as in `ChannelInit.accept`, and for each message of theirs. */
  accept(peer: PeerIdString): Promise<boolean> | boolean
  /** Whether I have this peer: what is not accepted of theirs yet, may have overtaken what makes it so. */
  has(peer: PeerIdString): boolean
  /** What a peer is told of who has whom, when that cannot be said on a channel; null for nothing. */
  hello(peer: PeerIdString): Uint8Array | null
  /** What a peer has said of it through a mailbox; false when it is to be heard later. @throws StarlingError */
  hear(peer: PeerIdString, hello: Uint8Array): Promise<boolean>
  /** Whether others may know what I have read; true by default. While it is not, nothing tells them, not even hello. */
  tellsRead?(): boolean
  /** They are writing, or no longer: as often as they say so. */
  onTyping?(peer: PeerIdString, on: boolean): void
}

/**
 * What came of an item of a mailbox: it is durable here or of no use any more, does not open, is for later, or comes
 * from somebody with whom nothing is exchanged.
 */
export type ItemTaken = 'taken' | 'unopened' | 'later' | 'refused'

/**
 * Durable messages between two people. Guarantees: a message sent is durable before its id is told; it arrives once,
 * unchanged, and in an order that never puts an effect before its cause, whatever channels do and wherever
 * either side stops; what is told as received or read is true. Order and states: envelope.ts, frames.ts, chain.ts.
 *
 * A conversation with oneself has the same chain and no channel.
 */
export class Delivery implements Startable, Intake {
  readonly #components: DeliveryComponents
  readonly #init: DeliveryInit
  readonly #sessions = new Map<PeerIdString, Session>()
  /** All that reads and then writes a conversation's chains. */
  readonly #turns = new Turns<PeerIdString>()
  readonly #notes: OwedNotes
  readonly #inbox: Inbox
  /** Marks of items that came from a mailbox. */
  readonly #mailed = new Set<string>()
  /** How often keys were given to whom, on which day. */
  readonly #given = new Map<PeerIdString, { day: number; times: number }>()
  #unhandle: (() => Promise<void>) | null = null

  constructor(components: DeliveryComponents, init: DeliveryInit) {
    this.#components = components
    this.#init = init
    this.#notes = new OwedNotes(components)
    this.#inbox = new Inbox(components, init)
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
    await this.#turns.idle()
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
    return this.#turns.run(peer, async () => {
      const sent = await store.sentFor(peer, intent)
      if (sent !== null) return sent
      const chains = await this.#chains(peer)
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
      const sealing = sealable ? await this.#seal(peer, bytes) : null
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
    await this.#turns.run(peer, async () => {
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
    await this.#turns.run(peer, async () => {
      const chains = await this.#chains(peer)
      const { theirs } = chains
      // What waited behind a gap is deleted with the keys that opened it: like the rest it is still to come, sealed anew.
      const waits = theirs !== null && (await store.early(peer, theirs.chain)).length > 0
      if (waits) await this.#notes.owe(peer, 'status', true)
      await store.forget(forgottenChains(chains, random))
      this.#sessions.get(peer)?.tellAgain()
    })
  }

  /** Their keys are others now: all that they have not acknowledged is sealed again, in a new session. */
  async forgetKeys(peer: PeerIdString): Promise<void> {
    const { store } = this.#components
    await this.#turns.run(peer, async () => {
      const { mine } = await this.#chains(peer)
      await store.forgetKeys(peer, mine.chain, heldOf(mine))
    })
  }

  /**
   * Takes a sealed message in from a channel. It is opened only when it is taken: a key opens one message once.
   * @throws StarlingError when it is not acceptable.
   */
  async receive(peer: PeerIdString, { chain, sequence, sealed }: Incoming): Promise<Taken> {
    const { store } = this.#components
    return this.#turns.run(peer, async () => {
      // A channel is still read to its end when the answer has changed.
      if (!(await this.#init.accept(peer))) throw new NotAcceptedError('no longer accepted')
      const before = await this.#chains(peer)
      if (before.past.includes(chain)) return { type: 'ended' }
      const known = before.theirs?.chain === chain ? before.theirs.sequence : 0
      if (sequence <= known) return { type: 'held' }
      const missing = { chain, first: known + 1, last: sequence - 1 }
      if (sequence > known + MAX_EARLY) return { type: 'early', missing }
      const waiting = await store.early(peer, chain)
      if (waiting.some((early) => early.sequence === sequence)) return { type: 'early', missing }
      const opened = await this.#open(peer, sealed)
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
   * Takes in what came from a mailbox. Resolves once all of it is durable; it may then be removed there, unless it is
   * for later.
   * @throws StarlingError when it is not acceptable, and never will be; StorageFullError
   */
  async receiveItem(peer: PeerIdString, sealed: Uint8Array): Promise<ItemTaken> {
    const { store } = this.#components
    const mark = markOf(sealed)
    return this.#turns.run(peer, async () => {
      const isFirst = !this.#mailed.has(mark)
      if (await store.wasOpened(mark)) {
        // What was said of it when it came over a channel may not have come through. Other relays have it too.
        if (isFirst) await this.#notes.owe(peer, 'status')
        this.#rememberMailed(mark)
        return 'taken'
      }
      const opened = await this.#open(peer, sealed)
      if (opened === null) return 'unopened'
      this.#rememberMailed(mark)
      const content = decodeContent(opened.content)
      return content.type === 'note'
        ? this.#takeNote(peer, content.note, opened.step)
        : this.#takeMailed(peer, content.envelope, opened.step)
    })
  }

  #rememberMailed(mark: string): void {
    if (this.#mailed.size >= MAX_MAILED) this.#mailed.clear()
    this.#mailed.add(mark)
  }

  /**
   * Who says that they have sealed an item that begins a session; null when it begins none, or none with me.
   * @param known those with whom it may have begun already
   */
  async senderOf(sealed: Uint8Array, known: readonly PeerIdString[]): Promise<PeerIdString | null> {
    const { logger, sealer } = this.#components
    try {
      return sealer.begins(sealed) ? await sealer.whose(sealed, known) : null
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      logger.info(`an item of nobody: ${error.message}`)
      return null
    }
  }

  /** Whether there is a channel with this peer now. */
  talksWith(peer: PeerIdString): boolean {
    return this.#sessions.has(peer)
  }

  /** Those whom something waits for: messages they lack, or a note. */
  waiting(): Promise<PeerIdString[]> {
    return this.#components.store.waiting()
  }

  /**
   * My messages that this peer lacks, in order, at most `limit`; with the receipts of relays that keep them still.
   * @param relays of theirs: what all of these keep is left out
   */
  async lacking(
    peer: PeerIdString,
    limit: number,
    relays: readonly string[] | null = null,
  ): Promise<Outgoing[]> {
    const { clock, store } = this.#components
    const nowMs = clock.now()
    const chains = await store.chains(peer)
    if (chains === null || !(await this.#init.accept(peer))) return []
    const { chain } = chains.mine
    const found: Outgoing[] = []
    let after = heldOf(chains.mine)
    for (;;) {
      const rows = await store.outbox(peer, chain, after, limit)
      for (const row of rows) {
        const receipts = standing(row.receipts, nowMs)
        if (relays === null || !isKeptAt(receipts, relays)) found.push({ ...row, receipts })
      }
      if (found.length >= limit || rows.length < limit) return found.slice(0, limit)
      after = rows.at(-1)!.sequence
    }
  }

  /** What is to be said to them now: to whom messages are not exchanged with, no more than hello. The rest stays owed. */
  async owed(peer: PeerIdString): Promise<Owed[]> {
    const all = await this.#notes.to(peer)
    return (await this.#init.accept(peer)) ? all : all.filter(({ type }) => type === 'hello')
  }

  /** A note for the mailbox of this peer, until `settle`. @param lost their keys did not open here */
  async owe(peer: PeerIdString, type: Owed['type'], lost = false): Promise<void> {
    await this.#turns.run(peer, () => this.#notes.owe(peer, type, lost))
  }

  /** What the note would say was heard. */
  async owesNot(peer: PeerIdString, type: Owed['type']): Promise<void> {
    await this.#turns.run(peer, () => this.#components.store.settleOwed(peer, type))
  }

  /** Seals a note that is owed, durably; null while there are no keys of theirs. */
  sealOwed(owed: Owed): Promise<Uint8Array | 'nothing' | null> {
    return this.#turns.run(owed.peer, async () => this.#notes.seal(owed, await this.#noteOf(owed)))
  }

  /** A relay keeps a note. What was owed anew meanwhile stays so. */
  async keptOwed(owed: Owed, sealed: Uint8Array, receipt: Receipt): Promise<void> {
    await this.#turns.run(owed.peer, () => this.#notes.kept(owed, sealed, receipt))
  }

  /** It is owed no more once so many stores keep it; a hello to somebody who has not answered stays so until then. */
  async settleOwed(owed: Owed, wanted: number): Promise<void> {
    await this.#turns.run(owed.peer, async () => {
      if (owed.type === 'hello' && !(await this.#init.accept(owed.peer))) return
      await this.#notes.settleKept(owed, wanted)
    })
  }

  /** Begins a session with what they have published. @param reseal all that they lack is sealed in it */
  async beginAnew(peer: PeerIdString, keys: Uint8Array, reseal: boolean): Promise<void> {
    const { sealer, store } = this.#components
    await this.#turns.run(peer, async () => {
      const { mine } = await this.#chains(peer)
      const step = await sealer.begin(peer, keys)
      await store.putKeys(peer, step, mine.chain, reseal ? heldOf(mine) : mine.sequence)
      if (reseal) await this.#notes.unseal(peer)
    })
  }

  /**
   * Where I can be written to has changed: those who are here are told, and who has not answered my hello is left
   * another, since they would answer to where that one said.
   */
  async tellPlace(): Promise<void> {
    for (const session of this.#sessions.values()) session.tellPlace()
    for (const peer of await this.waiting()) {
      await this.#turns.run(peer, () => this.#notes.renewHello(peer))
    }
  }

  placeOf(peer: PeerIdString): Promise<Place | null> {
    return this.#components.store.place(peer)
  }

  /**
   * A relay keeps a message of mine for them.
   * @param wanted stores that are enough to call it stored
   */
  async kept(
    outgoing: Outgoing,
    sealed: Uint8Array,
    receipt: Receipt,
    wanted: number,
  ): Promise<void> {
    const { store } = this.#components
    const { peer, chain, sequence } = outgoing
    await this.#turns.run(peer, async () => {
      const chains = await store.chains(peer)
      const [now] = await store.outbox(peer, chain, sequence - 1, 1)
      if (chains?.mine.chain !== chain || now?.sequence !== sequence || now.sealed === null) return
      // It was sealed anew meanwhile: what the relay keeps does not open any more.
      if (!equalBytes(now.sealed, sealed)) return
      const others = now.receipts.filter(({ relay }) => relay !== receipt.relay)
      const after = { ...now, receipts: [...others, receipt] }
      let { stored } = chains.mine
      for (const row of await store.outbox(peer, chain, stored, MAX_EARLY)) {
        const { receipts } = row.sequence === sequence ? after : row
        if (row.sequence !== stored + 1 || storesOf(receipts) < wanted) break
        stored = row.sequence
      }
      await store.putReceipts(after, { ...chains, mine: { ...chains.mine, stored } })
    })
  }

  announcement(): Promise<Uint8Array> {
    return this.#components.devices.announcement()
  }

  theyAnnounce(peer: PeerIdString, announcement: Uint8Array): Promise<Uint8Array | null> {
    return this.#components.devices.hear(peer, announcement)
  }

  /** They told where they can be written to while they sleep. */
  async theyAreAt(peer: PeerIdString, place: Place): Promise<void> {
    await this.#turns.run(peer, () => this.#components.store.putPlace(peer, place))
  }

  place(peer: PeerIdString): Promise<Place> {
    return this.#components.mail.place(peer)
  }

  /** Seals a message that waits in the outbox; null while there are no keys of theirs. */
  seal(peer: PeerIdString, outgoing: Outgoing): Promise<Uint8Array | null> {
    const { store } = this.#components
    return this.#turns.run(peer, async () => {
      const sealing = await this.#seal(peer, outgoing.envelope)
      if (sealing === null) return null
      const { sealed, step } = sealing
      await store.putSealed({ ...outgoing, sealed, receipts: [] }, step)
      return sealed
    })
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
    await this.#turns.run(peer, async () => {
      if (after === null && (await store.sessions(peer)) !== null) return
      const { mine } = await this.#chains(peer)
      const step = await sealer.begin(peer, keys)
      await store.putKeys(peer, step, mine.chain, after ?? mine.sequence)
    })
  }

  tellsRead(): boolean {
    return this.#init.tellsRead?.() ?? true
  }

  theyType(peer: PeerIdString, on: boolean): void {
    this.#init.onTyping?.(peer, on)
  }

  /** Where the chains stand; begins them when nothing was said yet. */
  chains(peer: PeerIdString): Promise<Chains> {
    return this.#turns.run(peer, () => this.#chains(peer))
  }

  /** Their side names the chain it writes now, and how long it is. */
  async theyBegan(peer: PeerIdString, chain: ChainId, sequence: number): Promise<void> {
    await this.#turns.run(peer, async () => {
      await this.#inbox.begin(await this.#chains(peer), chain, sequence)
    })
  }

  /** They have heard on a channel what a note would say, unless more of theirs has come since. */
  async theyKnow(peer: PeerIdString, told: Told): Promise<void> {
    await this.#turns.run(peer, async () => {
      const { theirs } = await this.#chains(peer)
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
    await this.#turns.run(peer, () => this.#hold(peer, chain, numbers))
  }

  /** The rest only in a turn. */
  async #hold(
    peer: PeerIdString,
    chain: ChainId,
    numbers: { received?: number; read?: number },
  ): Promise<void> {
    const { store } = this.#components
    const chains = await store.chains(peer)
    if (chains?.mine.chain !== chain) return
    const { mine } = chains
    const before = heldOf(mine)
    const read = Math.max(mine.read, numbers.read ?? 0)
    // What was read was received, and needs no store any more.
    const received = Math.max(mine.received, numbers.received ?? 0, read)
    if (received > mine.sequence) throw new InvalidDataError('holds what was never sent')
    const held = numbers.received ?? (mine.held === undefined ? received : before)
    if (received === mine.received && read === mine.read && held === before) return
    const { sequence, head } = mine
    const after = { chain, sequence, head, stored: Math.max(mine.stored, received), received, read }
    await store.putChains({ ...chains, mine: held < received ? { ...after, held } : after })
    // They took it from where it lay, before they restored a backup from before that.
    if (held < before) await store.dropReceipts(peer, chain, held + 1, received)
  }

  async #takeMailed(peer: PeerIdString, bytes: Uint8Array, step: KeyStep): Promise<ItemTaken> {
    if (!(await this.#init.accept(peer))) return this.#init.has(peer) ? 'later' : 'refused'
    const { store } = this.#components
    const envelope = decodeEnvelope(bytes)
    const { chain, sequence } = envelope
    const chains = await this.#inbox.turnedTo(await this.#chains(peer), envelope)
    if (chains === null) return 'taken'
    const known = chains.theirs?.sequence ?? 0
    if (sequence > known + MAX_EARLY) return 'later'
    const waiting = await store.early(peer, chain)
    const isHere = sequence <= known || waiting.some((early) => early.sequence === sequence)
    if (isHere) await store.putStep(peer, step)
    else await this.#inbox.take(chains, envelope, bytes, step)
    const missing = { chain, first: known + 1, last: sequence - 1 }
    if (missing.first <= missing.last) this.#sessions.get(peer)?.miss(missing)
    // Before it is removed there: who wrote is told that it has come, whatever happens here.
    await this.#notes.owe(peer, 'status')
    return 'taken'
  }

  async #takeNote(peer: PeerIdString, note: Note, step: KeyStep): Promise<ItemTaken> {
    const { mail, store } = this.#components
    if (note.type === 'hello') {
      // Taken before its key is spent: heard twice it does no harm, not heard it would be lost.
      if (!(await this.#init.hear(peer, note.hello))) return 'later'
    } else {
      if (!(await this.#init.accept(peer))) return 'refused'
      await this.#heed(peer, note)
    }
    await this.#learnPlace(peer, note.place)
    // With the keys of the note, or it would be known and not heeded when it comes again.
    if (note.type === 'status' && note.lost) {
      // What I said of theirs may be among what does not open there.
      await this.#notes.oweAgain(peer)
      await this.#sealAnew(peer, step)
      // In the session that the note began: a relay may still give keys that they have lost.
      const [status] = (await this.#notes.to(peer)).filter(({ type }) => type === 'status')
      if (status !== undefined) await this.#notes.seal(status, await this.#noteOf(status))
    } else await store.putStep(peer, step)
    mail.post(peer)
    return 'taken'
  }

  /** What was said at other relays may be kept at none that they still read, or that ever kept anything: it is said again. */
  async #learnPlace(peer: PeerIdString, place: Place): Promise<void> {
    const { store } = this.#components
    const addresses = ({ relays }: Place): string => relays.map(({ address }) => address).join(' ')
    const before = await store.place(peer)
    if (before !== null && addresses(before) !== addresses(place)) await this.#oweHeld(peer)
    await store.putPlace(peer, place)
  }

  /** They are to be told by mail how far I hold theirs. */
  async #oweHeld(peer: PeerIdString): Promise<void> {
    const chains = await this.#components.store.chains(peer)
    if ((chains?.theirs?.sequence ?? 0) > 0) await this.#notes.owe(peer, 'status')
  }

  async #heed(peer: PeerIdString, { yours, want, lost }: StatusNote): Promise<void> {
    const { mine } = await this.#chains(peer)
    // They are back from a backup of before this chain.
    if (lost && yours?.chain !== mine.chain) await this.#hold(peer, mine.chain, { received: 0 })
    if (yours === null) return
    await this.#hold(peer, yours.chain, yours)
    if (want === null) return
    await this.#components.store.dropReceipts(peer, yours.chain, want.first, want.last)
  }

  /** All that they do not hold: it is sealed in the session this step is of. */
  async #sealAnew(peer: PeerIdString, step: KeyStep): Promise<void> {
    const { mine } = await this.#chains(peer)
    await this.#components.store.putKeys(peer, step, mine.chain, heldOf(mine))
  }

  /** What a note says now; null when nothing is to be said. */
  async #noteOf({ peer, type, lost }: Owed): Promise<Note | null> {
    const { mail, store } = this.#components
    const place = await mail.place(peer)
    if (type === 'hello') {
      const hello = this.#init.hello(peer)
      return hello === null ? null : { type, hello, place }
    }
    if (!(await this.#init.accept(peer))) return null
    const { theirs } = await this.#chains(peer)
    const [early] = theirs === null ? [] : await store.early(peer, theirs.chain)
    const read = this.tellsRead() ? (theirs?.read ?? 0) : 0
    return {
      type,
      yours: theirs && { chain: theirs.chain, received: theirs.sequence, read },
      want: early === undefined ? null : { first: theirs!.sequence + 1, last: early.sequence - 1 },
      lost,
      place,
    }
  }

  #seal(
    peer: PeerIdString,
    envelope: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null> {
    return this.#components.sealer.seal(peer, encodeContent({ type: 'message', envelope }))
  }

  /** Kept from the first time on, so that the chain told in a hello is the one written then. */
  async #chains(peer: PeerIdString): Promise<Chains> {
    const { random, store } = this.#components
    const known = await store.chains(peer)
    if (known !== null) return known
    const fresh = freshChains(peer, random)
    await store.putChains(fresh)
    return fresh
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
      await this.#turns.run(peer, () => this.#oweHeld(peer))
    } catch (error) {
      logger.warn(`${peer} is not told what came of theirs: ${String(error)}`)
    }
  }

  /** Null when it was sealed with keys that are not here. */
  async #open(
    peer: PeerIdString,
    sealed: Uint8Array,
  ): Promise<{ content: Uint8Array; step: KeyStep } | null> {
    const { logger, sealer } = this.#components
    try {
      return await sealer.open(peer, sealed)
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      logger.info(`a message of ${peer} does not open: ${error.message}`)
      return null
    }
  }
}
