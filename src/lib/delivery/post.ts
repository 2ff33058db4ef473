import { CannotOpenError } from '../crypto/errors.ts'
import type { Receipt } from '../db/schema.ts'
import { equalBytes } from '../protocol/codec.ts'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Place } from '../protocol/place.ts'
import type { Clock, Logger } from '../protocol/seams.ts'
import {
  hearNote,
  heedLost,
  heldOf,
  newsOf,
  type Chains,
  type Outgoing,
  type Owed,
} from './chain.ts'
import { decodeContent, type Note, type StatusNote } from './content.ts'
import { decodeEnvelope } from './envelope.ts'
import { MAX_EARLY, type Inbox } from './inbox.ts'
import type { Ledger } from './ledger.ts'
import type { OwedNotes } from './owed-notes.ts'
import { isKeptAt, standing, storesOf } from './receipts.ts'
import { markOf, type KeyStep, type Mail, type Sealer } from './seams.ts'
import type { Session } from './session.ts'
import type { DeliveryStore } from './store.ts'

/** Items from mailboxes that are remembered, for they come from each relay. */
const MAX_MAILED = 1_000

/** An item that comes once more after this was put again, by who has not heard that it came, ms. */
const MAILED_LIFE_MS = 24 * 60 * 60 * 1000

export interface PostComponents {
  store: DeliveryStore
  sealer: Pick<Sealer, 'begin' | 'begins' | 'openAlone' | 'whose'>
  mail: Mail
  ledger: Ledger
  inbox: Inbox
  notes: OwedNotes
  /** With those who are connected. */
  sessions: ReadonlyMap<PeerIdString, Pick<Session, 'miss'>>
  clock: Pick<Clock, 'now'>
  logger: Logger
}

export interface PostInit {
  /** Whether messages are exchanged with this peer. Asked as in `ChannelInit.accept`, and for each message of theirs. */
  accept(peer: PeerIdString): Promise<boolean> | boolean
  /** Whether I have this peer: what is not accepted of theirs yet, may have overtaken what makes it so. */
  has(peer: PeerIdString): boolean
  /** What a peer is told of who has whom, when that cannot be said on a channel; null for nothing. */
  hello(peer: PeerIdString): Uint8Array | null
  /** What a peer has said of it through a mailbox; false when it is to be heard later. @throws StarlingError */
  hear(peer: PeerIdString, hello: Uint8Array): Promise<boolean>
  /** Whether others may know what I have read. While it is not, nothing tells them, not even hello. */
  tellsRead(): boolean
}

/**
 * What came of an item of a mailbox: it is durable here or of no use any more, does not open, is for later, or comes
 * from somebody with whom nothing is exchanged.
 */
export type ItemTaken = 'taken' | 'unopened' | 'later' | 'refused'

/**
 * The part of delivery that goes by mailboxes: which of my messages and notes are to lie at the relays of whom, and what
 * comes of the items that lay at mine. `Mail` carries them.
 */
export class Post {
  readonly #components: PostComponents
  readonly #init: PostInit
  readonly #ledger: Ledger
  readonly #inbox: Inbox
  readonly #notes: OwedNotes
  /** When items, by their marks, came from a mailbox first. */
  readonly #mailed = new Map<string, number>()

  constructor(components: PostComponents, init: PostInit) {
    this.#components = components
    this.#init = init
    this.#ledger = components.ledger
    this.#inbox = components.inbox
    this.#notes = components.notes
  }

  /**
   * Takes in what came from a mailbox. Resolves once all of it is durable; it may then be removed there, unless it is
   * for later.
   * @throws StarlingError when it is not acceptable, and never will be; StorageFullError
   */
  async receiveItem(peer: PeerIdString, sealed: Uint8Array): Promise<ItemTaken> {
    const { store } = this.#components
    const mark = markOf(sealed)
    return this.#ledger.turns.run(peer, async () => {
      const isFirst = this.#comesFirst(mark)
      if (await store.wasOpened(mark)) {
        // What was said of it when it came over a channel may not have come through. Other relays have it too.
        if (isFirst) {
          await this.#notes.owe(peer, 'status')
          this.#rememberMailed(mark)
        }
        return 'taken'
      }
      const opened = await this.#ledger.open(peer, sealed)
      // It may have come so long ago that its mark is forgotten: who sends it again has not heard of that.
      if (opened === null && isFirst) await this.oweHeld(peer)
      if (isFirst) this.#rememberMailed(mark)
      if (opened === null) return 'unopened'
      const content = decodeContent(opened.content)
      return content.type === 'note'
        ? this.#takeNote(peer, content.note, opened.step)
        : this.#takeMailed(peer, content.envelope, opened.step)
    })
  }

  #comesFirst(mark: string): boolean {
    const atMs = this.#mailed.get(mark)
    return atMs === undefined || Math.abs(this.#components.clock.now() - atMs) > MAILED_LIFE_MS
  }

  #rememberMailed(mark: string): void {
    if (this.#mailed.size >= MAX_MAILED) this.#mailed.clear()
    this.#mailed.set(mark, this.#components.clock.now())
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
    return this.#components.sessions.has(peer)
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
    await this.#ledger.turns.run(peer, () => this.#notes.owe(peer, type, lost))
  }

  /** What the note would say was heard. */
  async owesNot(peer: PeerIdString, type: Owed['type']): Promise<void> {
    await this.#ledger.turns.run(peer, () => this.#components.store.settleOwed(peer, type))
  }

  /** Seals a message that waits, durably; null while there are no keys of theirs. */
  seal(peer: PeerIdString, outgoing: Outgoing): Promise<Uint8Array | null> {
    return this.#ledger.seal(peer, outgoing)
  }

  /** Seals a note that is owed, durably; null while there are no keys of theirs. */
  sealOwed(owed: Owed): Promise<Uint8Array | 'nothing' | null> {
    return this.#ledger.turns.run(owed.peer, async () =>
      this.#notes.seal(owed, await this.#noteOf(owed)),
    )
  }

  /** A relay keeps a note. What was owed anew meanwhile stays so. */
  async keptOwed(owed: Owed, sealed: Uint8Array, receipt: Receipt): Promise<void> {
    await this.#ledger.turns.run(owed.peer, () => this.#notes.kept(owed, sealed, receipt))
  }

  /** It is owed no more once so many stores keep it; a hello to somebody who has not answered stays so until then. */
  async settleOwed(owed: Owed, wanted: number): Promise<void> {
    await this.#ledger.turns.run(owed.peer, async () => {
      if (owed.type === 'hello' && !(await this.#init.accept(owed.peer))) return
      await this.#notes.settleKept(owed, wanted)
    })
  }

  /** Whether these open there without any session (`Sealer.openAlone`). */
  openAlone(peer: PeerIdString, sealed: readonly Uint8Array[]): Promise<boolean> {
    return this.#components.sealer.openAlone(peer, sealed)
  }

  /** Begins a session with what they have published. @param reseal all that they lack is sealed in it */
  async beginAnew(peer: PeerIdString, keys: Uint8Array, reseal: boolean): Promise<void> {
    const { sealer, store } = this.#components
    await this.#ledger.turns.run(peer, async () => {
      const { mine } = await this.#ledger.chains(peer)
      const step = await sealer.begin(peer, keys)
      await store.putKeys(peer, step, mine.chain, reseal ? heldOf(mine) : mine.sequence)
      if (reseal) await this.#notes.unseal(peer)
    })
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
    await this.#ledger.turns.run(peer, async () => {
      const chains = await store.chains(peer)
      const [now] = await store.outbox(peer, chain, sequence - 1, 1)
      if (chains?.mine.chain !== chain || now?.sequence !== sequence || now.sealed === null) return
      // It was sealed anew meanwhile: what the relay keeps does not open any more.
      if (!equalBytes(now.sealed, sealed)) return
      const others = now.receipts.filter(({ relay }) => relay !== receipt.relay)
      const after = { ...now, receipts: [...others, receipt] }
      const stored = await this.#storedWith(after, chains, wanted)
      await store.putReceipts(after, { ...chains, mine: { ...chains.mine, stored } })
    })
  }

  /** Up to which number all of my chain is stored, with the receipts of this message. */
  async #storedWith(one: Outgoing, { peer, mine }: Chains, wanted: number): Promise<number> {
    const { store } = this.#components
    let { stored } = mine
    for (;;) {
      // Behind what had to be put there anew there may be many that did not.
      const rows = await store.outbox(peer, mine.chain, stored, MAX_EARLY)
      for (const row of rows) {
        const { receipts } = row.sequence === one.sequence ? one : row
        if (row.sequence !== stored + 1 || storesOf(receipts) < wanted) return stored
        stored = row.sequence
      }
      if (rows.length < MAX_EARLY) return stored
    }
  }

  async #takeMailed(peer: PeerIdString, bytes: Uint8Array, step: KeyStep): Promise<ItemTaken> {
    if (!(await this.#init.accept(peer))) return this.#init.has(peer) ? 'later' : 'refused'
    const { store } = this.#components
    const envelope = decodeEnvelope(bytes)
    const { chain, sequence } = envelope
    const chains = await this.#inbox.turnedTo(await this.#ledger.chains(peer), envelope)
    if (chains === null) return 'taken'
    const known = chains.theirs?.sequence ?? 0
    if (sequence > known + MAX_EARLY) return 'later'
    const waiting = await store.early(peer, chain)
    const isHere = sequence <= known || waiting.some((early) => early.sequence === sequence)
    if (isHere) await store.putStep(peer, step)
    else await this.#inbox.take(chains, envelope, bytes, step)
    const missing = { chain, first: known + 1, last: sequence - 1 }
    if (missing.first <= missing.last) this.#components.sessions.get(peer)?.miss(missing)
    // Before it is removed there: who wrote is told that it has come, whatever happens here.
    await this.#notes.owe(peer, 'status')
    return 'taken'
  }

  async #takeNote(peer: PeerIdString, note: Note, step: KeyStep): Promise<ItemTaken> {
    const { mail, store } = this.#components
    if (note.type === 'hello') {
      // Taken before its key is spent: heard twice it does no harm, not heard it would be lost.
      if (!(await this.#init.hear(peer, note.hello))) return 'later'
      await this.#learnPlace(peer, note.place)
    } else {
      if (!(await this.#init.accept(peer))) return 'refused'
      const news = newsOf(await this.#ledger.chains(peer), note.number)
      // Nobody is there any more who could open an answer in its session: keys stay as they are.
      if (news === 'replaced') return 'taken'
      if (news === 'news') await this.#heed(peer, note)
    }
    // With the keys of the note, or it would be known and not heeded when it comes again.
    if (note.type === 'status' && note.lost) {
      // What I said of theirs may be among what does not open there.
      await this.#notes.oweAgain(peer)
      if (note.number !== undefined)
        await store.putChains(heedLost(await this.#ledger.chains(peer), note.number))
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
    if (before !== null && addresses(before) !== addresses(place)) await this.oweHeld(peer)
    await store.putPlace(peer, place)
  }

  /** They are to be told by a note how far I hold theirs. In a turn. */
  async oweHeld(peer: PeerIdString): Promise<void> {
    const chains = await this.#components.store.chains(peer)
    if ((chains?.theirs?.sequence ?? 0) > 0) await this.#notes.owe(peer, 'status')
  }

  async #heed(peer: PeerIdString, note: StatusNote): Promise<void> {
    const { store } = this.#components
    const { number, anew, yours, want, lost, place } = note
    const { mine } = await this.#ledger.chains(peer)
    // They are back from a backup of before this chain.
    if (lost && yours?.chain !== mine.chain)
      await this.#ledger.hold(peer, mine.chain, { received: 0 })
    if (yours !== null) await this.#ledger.hold(peer, yours.chain, yours)
    if (yours !== null && want !== null)
      await store.dropReceipts(peer, yours.chain, want.first, want.last)
    await this.#learnPlace(peer, place)
    // Last: it is heeded once more when the power goes before.
    if (number !== undefined)
      await store.putChains(hearNote(await this.#ledger.chains(peer), number, anew))
  }

  /** All that they do not hold: it is sealed in the session this step is of. */
  async #sealAnew(peer: PeerIdString, step: KeyStep): Promise<void> {
    const { mine } = await this.#ledger.chains(peer)
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
    const { theirs } = await this.#ledger.chains(peer)
    const [early] = theirs === null ? [] : await store.early(peer, theirs.chain)
    const read = this.#init.tellsRead() ? (theirs?.read ?? 0) : 0
    return {
      type,
      yours: theirs && { chain: theirs.chain, received: theirs.sequence, read },
      want: early === undefined ? null : { first: theirs!.sequence + 1, last: early.sequence - 1 },
      lost,
      place,
    }
  }
}
