import type { Receipt } from '../db/schema.ts'
import { equalBytes } from '../protocol/codec.ts'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Clock } from '../protocol/seams.ts'
import { findLost, numberNote, type Owed } from './chain.ts'
import { encodeContent, type Note, type StatusNote } from './content.ts'
import type { Devices } from './devices.ts'
import type { Ledger } from './ledger.ts'
import { standing, storesOf } from './receipts.ts'
import type { Mail, Sealer } from './seams.ts'
import type { DeliveryStore } from './store.ts'

export interface OwedNotesComponents {
  store: Pick<DeliveryStore, 'owed' | 'putChains' | 'putOwed' | 'settleOwed'>
  ledger: Pick<Ledger, 'chains'>
  devices: Pick<Devices, 'generation'>
  sealer: Pick<Sealer, 'seal'>
  mail: Pick<Mail, 'post'>
  clock: Pick<Clock, 'now'>
}

/**
 * Notes (content.ts) for the mailboxes of people, from when something is to be said until enough stores keep it. One is
 * owed of each type: the newest, which says all that one before it did. Whoever calls has the turn of the conversation.
 */
export class OwedNotes {
  readonly #components: OwedNotesComponents

  constructor(components: OwedNotesComponents) {
    this.#components = components
  }

  /** There is something new to say. @param lost their keys did not open here: owed until it is said */
  async owe(peer: PeerIdString, type: Owed['type'], lost = false): Promise<void> {
    const { ledger, store } = this.#components
    if (lost) await store.putChains(findLost(await ledger.chains(peer)))
    await this.#owe(peer, type, lost)
  }

  async #owe(peer: PeerIdString, type: Owed['type'], lost: boolean): Promise<void> {
    const { mail, store } = this.#components
    const before = await this.#of(peer, type)
    const again = lost || (before !== undefined && this.#asNow(before).lost)
    await store.putOwed({ peer, type, lost: again, sealed: null, receipts: [] }, null)
    mail.post(peer)
  }

  /**
   * Their keys are lost, and what I said may be among what does not open there: also that theirs did not open here, until
   * they have heeded that, or two would tell each other for ever.
   */
  async oweAgain(peer: PeerIdString): Promise<void> {
    const { notes } = await this.#components.ledger.chains(peer)
    await this.#owe(peer, 'status', notes?.lost !== undefined)
  }

  /** What is owed to them: anew, what relays kept, and keep no more. */
  async to(peer: PeerIdString): Promise<Owed[]> {
    return (await this.#all(peer)).map((owed) => this.#asNow(owed))
  }

  #asNow(owed: Owed): Owed {
    const { receipts, type } = owed
    const isGone =
      receipts.length > 0 && standing(receipts, this.#components.clock.now()).length === 0
    if (!isGone) return owed
    // A hello is sealed with keys of theirs as they are now: those of then may be lost.
    return { ...owed, lost: owed.lost || type === 'hello', sealed: null, receipts: [] }
  }

  /**
   * Seals it, durably; null while there are no keys of theirs, or others are needed.
   * @param owed as it was when somebody set out to seal it
   * @param note what it says, without its number; null when that is nothing any more
   */
  async seal(owed: Owed, note: Note | null): Promise<Uint8Array | 'nothing' | null> {
    const { sealer, store } = this.#components
    if (note === null) {
      await store.settleOwed(owed.peer, owed.type)
      return 'nothing'
    }
    const now = await this.#of(owed.peer, owed.type)
    // The channel has said it meanwhile.
    if (now === undefined) return 'nothing'
    // Owed anew meanwhile, by one whose keys are lost: what says so begins a session.
    if (now.lost && !owed.lost) return null
    const numbered = note.type === 'status' ? await this.#numbered(owed.peer, note) : note
    const content = encodeContent({ type: 'note', note: numbered })
    const sealing = await sealer.seal(owed.peer, content)
    if (sealing === null) return null
    const lost = owed.lost && owed.type === 'status'
    await store.putOwed({ ...owed, lost, sealed: sealing.sealed }, sealing.step)
    return sealing.sealed
  }

  /** A hello that is owed would say something else now than when it was sealed. */
  async renewHello(peer: PeerIdString): Promise<void> {
    const hello = await this.#of(peer, 'hello')
    if (hello?.sealed != null) await this.owe(peer, 'hello')
  }

  /** All that is owed is sealed in another session. */
  async unseal(peer: PeerIdString): Promise<void> {
    const { store } = this.#components
    for (const owed of await this.#all(peer)) {
      await store.putOwed({ ...owed, sealed: null, receipts: [] }, null)
    }
  }

  /** A relay keeps it, sealed so. What was owed anew meanwhile stays so. */
  async kept({ peer, type }: Owed, sealed: Uint8Array, receipt: Receipt): Promise<void> {
    const now = await this.#of(peer, type)
    if (now?.sealed == null || !equalBytes(now.sealed, sealed)) return
    const receipts = [...now.receipts, receipt]
    await this.#components.store.putOwed({ ...now, receipts }, null)
  }

  /** It is owed no more once so many stores keep it. */
  async settleKept({ peer, type }: Owed, wanted: number): Promise<void> {
    const now = await this.#of(peer, type)
    if (now?.sealed == null || storesOf(now.receipts) < wanted) return
    await this.#components.store.settleOwed(peer, type)
  }

  /** The channel says what a status would, but that their keys are lost: it says so only when more does not open. */
  async settleStatus(peer: PeerIdString): Promise<void> {
    const status = await this.#of(peer, 'status')
    if (status?.lost === false) await this.#components.store.settleOwed(peer, 'status')
  }

  /** Durably: no other has its number, whether or not it goes out. */
  async #numbered(peer: PeerIdString, note: StatusNote): Promise<StatusNote> {
    const { devices, ledger, store } = this.#components
    const generation = await devices.generation()
    const { chains, number } = numberNote(await ledger.chains(peer), generation, note.lost)
    await store.putChains(chains)
    const anew = chains.notes?.anew
    return { ...note, number, ...(anew !== undefined && { anew }) }
  }

  async #of(peer: PeerIdString, type: Owed['type']): Promise<Owed | undefined> {
    return (await this.#all(peer)).find((each) => each.type === type)
  }

  #all(peer: PeerIdString): Promise<Owed[]> {
    return this.#components.store.owed(peer)
  }
}
