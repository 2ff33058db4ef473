import { Dexie, type Table } from 'dexie'
import type { MessageRow, ProgressRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { Delivered } from '../../delivery/chain.ts'
import { eraseOnceReceived, eraseSent, type Place } from '../../delivery/outbox.ts'
import type { Journal } from '../../delivery/store.ts'
import type { ChainId, MessageId, PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import { changed, isLater } from './changes.ts'
import { payloadCodec, type Change, type TextPayload } from './protocol.ts'
import { announcementRow, lastOf, later, textRow, timelineOf, upsert } from './rows.ts'

/** Messages that disappear in one transaction. */
const EXPIRY_BATCH = 200

/** Told once it is durable. */
export interface FilesOfMessages {
  /** Of theirs, with a file. */
  arrived(row: MessageRow): void
  /** Messages with files are no longer here. */
  gone(): void
}

/**
 * Writes down what was said and what became of it. A conversation's `last` and `unread` change in the same
 * transactions as its messages.
 */
export class ChatJournal implements Journal {
  readonly tables: readonly Table[]
  readonly #db: StarlingDatabase
  readonly #me: PeerIdString
  readonly #clock: Clock
  readonly #files: FilesOfMessages

  /** @param me my peer id, under which notes to self are kept */
  constructor(db: StarlingDatabase, me: PeerIdString, clock: Clock, files: FilesOfMessages) {
    this.#db = db
    this.#me = me
    this.#clock = clock
    this.#files = files
    this.tables = [db.messages, db.conversations, db.progress]
  }

  sent(message: Delivered): Promise<void> {
    return this.#take(message)
  }

  received(message: Delivered): Promise<void> {
    return this.#take(message)
  }

  async read(peer: PeerIdString, upTo: MessageId, chain: ChainId): Promise<number> {
    const { messages } = this.#db
    const last = await messages.get(upTo)
    if (last?.conversation !== peer) return 0
    const { clock, id } = last
    const now = this.#clock.now()
    const read = await messages
      .where('[conversation+unread+clock+id]')
      .between([peer, 1, Dexie.minKey, Dexie.minKey], [peer, 1, clock, id], true, true)
      .modify((each) => {
        delete each.unread
        if (each.disappearAfterMs !== undefined) each.disappearsAtMs = now + each.disappearAfterMs
      })
    if (read > 0) await upsert(this.#db, peer, ({ unread }) => ({ unread: unread - read }))
    const newest = await messages
      .where('[conversation+clock+id]')
      .between([peer, Dexie.minKey, Dexie.minKey], [peer, clock, id], true, true)
      .reverse()
      .filter((each) => !each.mine && each.chain === chain)
      .first()
    if (newest === undefined) return 0
    const next = await messages
      .where('[conversation+clock+id]')
      .between([peer, clock, id], [peer, Dexie.maxKey, Dexie.maxKey], false, true)
      .filter((each) => !each.mine && each.chain === chain)
      .first()
    return next === undefined ? Infinity : next.sequence - 1
  }

  async progressed(row: ProgressRow, from: number): Promise<void> {
    await this.#db.progress.put(row)
    if (row.state === 'read') await this.#eraseDisappearing(row, from)
  }

  async lost(peer: PeerIdString, chain: ChainId, upTo: number): Promise<void> {
    const key = (last: unknown) => [peer, chain, 'stored', last]
    const beyond = this.#db.progress
      .where('[peer+chain+state+upTo]')
      .between(key(upTo), key(Dexie.maxKey), false, true)
    const first = await beyond.first()
    await beyond.delete()
    // What stands before it was stored no later.
    const known = await this.#db.progress.get({ peer, chain, state: 'stored', upTo })
    if (first !== undefined && known === undefined && upTo > 0) {
      await this.#db.progress.put({ ...first, upTo })
    }
  }

  async forgotten(peer: PeerIdString): Promise<void> {
    this.#afterwards(() => {
      this.#files.gone()
    })
    await timelineOf(this.#db, peer).delete()
    await this.#db.progress
      .where('[peer+chain+state+upTo]')
      .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
      .delete()
    await this.#db.conversations.delete(peer)
  }

  /** Deletes a message here alone: who has not got it yet still will. @throws StorageFullError */
  async remove(conversation: PeerIdString, id: MessageId): Promise<void> {
    await this.#change(async () => {
      const row = await this.#db.messages.get(id)
      if (row?.conversation === conversation) await this.#remove([row])
    })
  }

  /** Removes what was to disappear by `nowMs`. */
  async expire(nowMs: number): Promise<void> {
    for (let removed = EXPIRY_BATCH; removed === EXPIRY_BATCH;) {
      removed = await this.#change(async () => {
        const rows = await this.#db.messages
          .where('disappearsAtMs')
          .belowOrEqual(nowMs)
          .limit(EXPIRY_BATCH)
          .toArray()
        await this.#remove(rows)
        return rows.length
      })
    }
  }

  /** What they have read and is to disappear there is not sent again, should they go back to a backup from before. */
  async #eraseDisappearing({ peer, chain, upTo }: ProgressRow, from: number): Promise<void> {
    const sent = await this.#db.outbox
      .where('[peer+chain+sequence]')
      .between([peer, chain, from], [peer, chain, upTo], false, true)
      .toArray()
    const rows = await this.#db.messages.bulkGet(sent.map(({ id }) => id))
    for (const row of rows) {
      if (row?.disappearAfterMs !== undefined) await eraseSent(this.#db, placeOf(row))
    }
  }

  async #take(message: Delivered): Promise<void> {
    // Carried over from a chain that has ended, by one who did not know that it came.
    if ((await this.#db.messages.get(message.id)) !== undefined) return
    const payload = payloadCodec.decode(message.payload)
    switch (payload.type) {
      case 'text':
        await this.#say(message, payload)
        break
      case 'disappear':
        await this.#announce(message, payload.afterMs)
        break
      case 'edit':
      case 'delete':
      case 'react':
        await this.#apply(message, payload)
    }
  }

  async #say(message: Delivered, payload: TextPayload): Promise<void> {
    const row = textRow(message, payload)
    if (!row.mine) row.unread = 1
    else if (row.disappearAfterMs !== undefined) {
      row.disappearsAtMs = row.receivedAtMs + row.disappearAfterMs
    }
    await this.#db.messages.add(row)
    if (row.attachment !== undefined && !row.mine) {
      this.#afterwards(() => {
        this.#files.arrived(row)
      })
    }
    await upsert(this.#db, row.conversation, ({ last, unread, draft }) => ({
      last: later(last, row),
      unread: unread + (row.unread ?? 0),
      // Nobody wrote what is forwarded, and nothing stands beside a file alone: it was not the draft.
      draft: row.mine && row.forwarded === undefined && row.text !== '' ? '' : draft,
      archived: false,
    }))
  }

  async #announce(message: Delivered, afterMs: number): Promise<void> {
    const { clock, id, peer } = message
    await this.#db.messages.add(announcementRow(message, afterMs))
    await upsert(this.#db, peer, ({ disappearing }) =>
      isLater({ clock, id }, disappearing) ? { disappearing: { clock, id, afterMs } } : {},
    )
  }

  async #apply(message: Delivered, change: Change): Promise<void> {
    const before = await this.#db.messages.get(change.message)
    if (before?.conversation !== message.peer) return
    const after = changed(before, change, message)
    if (after === null) return
    if (before.unread === 1 && after.unread === undefined && after.disappearAfterMs !== undefined) {
      // It will not be read: its time begins now.
      after.disappearsAtMs = this.#clock.now() + after.disappearAfterMs
    }
    await this.#db.messages.put(after)
    if (after.deleted === true) this.#filesGone([before])
    if (message.mine && change.type !== 'react') {
      // The outbox keeps the last edit alone, and of what is taken back nothing.
      const superseded = [...editPlace(before), ...(after.deleted ? [placeOf(before)] : [])]
      for (const place of superseded) await eraseSent(this.#db, place)
    }
    await upsert(this.#db, message.peer, ({ last, unread }) => ({
      last: last?.id === after.id ? lastOf(after) : last,
      unread: unread - (before.unread ?? 0) + (after.unread ?? 0),
    }))
  }

  async #remove(rows: MessageRow[]): Promise<void> {
    this.#filesGone(rows)
    await this.#db.messages.bulkDelete(rows.map(({ id }) => id))
    const erase = (place: Place) =>
      // Notes to self are held by whom they are for.
      place.peer === this.#me ? eraseSent(this.#db, place) : eraseOnceReceived(this.#db, place)
    for (const row of rows) {
      const places = row.mine ? [placeOf(row), ...editPlace(row)] : []
      for (const place of places) await erase(place)
    }
    for (const [peer, gone] of Map.groupBy(rows, ({ conversation }) => conversation)) {
      const newest = await timelineOf(this.#db, peer)
        .reverse()
        .filter(({ announcedMs }) => announcedMs === undefined)
        .first()
      await upsert(this.#db, peer, ({ unread }) => ({
        last: newest === undefined ? null : lastOf(newest),
        unread: unread - gone.filter((row) => row.unread === 1).length,
      }))
    }
  }

  #filesGone(rows: readonly MessageRow[]): void {
    if (rows.every(({ content }) => content === undefined)) return
    this.#afterwards(() => {
      this.#files.gone()
    })
  }

  /** Once the transaction under way is durable; not at all when it fails. */
  #afterwards(call: () => void): void {
    Dexie.currentTransaction.on('complete', call)
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const { chains, conversations, messages, outbox } = this.#db
    const tables = [messages, conversations, outbox, chains]
    return orStorageFull(this.#db.transaction('rw', tables, async () => work()))
  }
}

function placeOf({ conversation, chain, sequence }: MessageRow): Place {
  return { peer: conversation, chain, sequence }
}

/** Where the last edit of a message lies. */
function editPlace({ conversation, edit }: MessageRow): Place[] {
  return edit === undefined
    ? []
    : [{ peer: conversation, chain: edit.chain, sequence: edit.sequence }]
}
