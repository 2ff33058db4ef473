import { Dexie, type Table } from 'dexie'
import { live, type LiveOptions } from '../../db/live.ts'
import type {
  ChainsRow,
  ConversationRow,
  MessageRow,
  ProgressRow,
  StarlingDatabase,
} from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { Delivered } from '../../delivery/chain.ts'
import { decodeEnvelope, saidIn } from '../../delivery/envelope.ts'
import type { Journal } from '../../delivery/store.ts'
import type { ChainId, MessageId, PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import {
  MAX_PREVIEW_CHARS,
  type DeliveryState,
  type Message,
  type TimelineItem,
  type TimelinePage,
  type TimelineWindow,
} from './api.ts'
import { payloadCodec } from './protocol.ts'

/** Messages looked through at a time by a search; other work gets its turn in between. */
const SEARCH_BATCH = 500

/** A conversation as it is stored, and how far its last message has come. */
export interface StoredConversation extends ConversationRow {
  lastState: DeliveryState | null
}

/** Remembers conversations and their messages. All writes @throws StorageFullError. */
export interface ChatStore {
  /** Those there is a row of, and all of `ids`. */
  watchConversations<T>(
    ids: () => Iterable<PeerIdString>,
    shape: (conversations: StoredConversation[]) => T,
    options?: LiveOptions,
  ): AsyncIterable<T>
  /** The window, and what waits behind gaps when it reaches the end. */
  watchTimeline(
    conversation: PeerIdString,
    window: StoredWindow,
    options?: LiveOptions,
  ): AsyncIterable<TimelinePage>
  firstUnread(conversation: PeerIdString): Promise<MessageId | null>
  /** Newest first. */
  search(
    matches: (text: string) => boolean,
    limit: number,
    options?: AbortOptions,
  ): Promise<MessageRow[]>
  /** Changes flags of a conversation, which need not have a row yet. */
  update(conversation: PeerIdString, changes: Partial<Flags>): Promise<void>
  /** Forgets a conversation without messages. */
  dropEmpty(conversation: PeerIdString): Promise<void>
}

/** A `TimelineWindow` that stands somewhere. */
export interface StoredWindow extends TimelineWindow {
  around: 'end' | MessageId
}

/** What may be changed of a conversation by itself. */
export type Flags = Pick<ConversationRow, 'name' | 'draft' | 'pinned' | 'archived' | 'mute'>

export class DexieChatStore implements ChatStore, Journal {
  readonly tables: readonly Table[]
  readonly #db: StarlingDatabase
  readonly #me: PeerIdString
  readonly #clock: Clock

  /** @param me my peer id, under which notes to self are kept */
  constructor(db: StarlingDatabase, me: PeerIdString, clock: Clock) {
    this.#db = db
    this.#me = me
    this.#clock = clock
    this.tables = [db.messages, db.conversations, db.progress]
  }

  async sent(message: Delivered): Promise<void> {
    const row = messageRow(message)
    await this.#db.messages.add(row)
    await this.#upsert(row.conversation, (before) => ({
      last: later(before.last, row),
      draft: '',
      archived: false,
    }))
  }

  async received(message: Delivered): Promise<void> {
    const row: MessageRow = { ...messageRow(message), unread: 1 }
    // Carried over from a chain that has ended, by one who did not know that it came.
    if ((await this.#db.messages.get(row.id)) !== undefined) return
    await this.#db.messages.add(row)
    await this.#upsert(row.conversation, (before) => ({
      last: later(before.last, row),
      unread: before.unread + 1,
      archived: false,
    }))
  }

  async read(peer: PeerIdString, upTo: MessageId, chain: ChainId): Promise<number> {
    const { messages } = this.#db
    const last = await messages.get(upTo)
    if (last?.conversation !== peer) return 0
    const { clock, id } = last
    const read = await messages
      .where('[conversation+unread+clock+id]')
      .between([peer, 1, Dexie.minKey, Dexie.minKey], [peer, 1, clock, id], true, true)
      .modify((each) => {
        delete each.unread
      })
    if (read > 0) await this.#upsert(peer, ({ unread }) => ({ unread: unread - read }))
    const newest = await this.#upTo(last)
      .reverse()
      .filter((each) => !each.mine && each.chain === chain)
      .first()
    return newest?.sequence ?? 0
  }

  async progressed(
    peer: PeerIdString,
    chain: ChainId,
    state: ProgressRow['state'],
    upTo: number,
  ): Promise<void> {
    await this.#db.progress.put({ peer, chain, state, upTo, atMs: this.#clock.now() })
  }

  async forgotten(peer: PeerIdString): Promise<void> {
    await this.#all(peer).delete()
    await this.#db.progress
      .where('[peer+chain+state+upTo]')
      .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
      .delete()
    await this.#db.conversations.delete(peer)
  }

  watchConversations<T>(
    ids: () => Iterable<PeerIdString>,
    shape: (conversations: StoredConversation[]) => T,
    options?: LiveOptions,
  ): AsyncIterable<T> {
    const { chains, conversations } = this.#db
    return live(
      () =>
        this.#db.transaction('r', conversations, chains, async () => {
          const rows = new Map((await conversations.toArray()).map((row) => [row.id, row]))
          const standing = new Map((await chains.toArray()).map((each) => [each.peer, each]))
          const all = [...new Set([...ids(), ...rows.keys()])]
          return shape(
            all.map((id) => {
              const row = rows.get(id) ?? emptyConversation(id)
              const lastState = row.last && this.#state(id, row.last, standing.get(id))
              return { ...row, lastState }
            }),
          )
        }),
      options,
    )
  }

  watchTimeline(
    conversation: PeerIdString,
    window: StoredWindow,
    options?: LiveOptions,
  ): AsyncIterable<TimelinePage> {
    const { chains, early, messages } = this.#db
    return live(
      () =>
        this.#db.transaction('r', messages, chains, early, async () => {
          const { rows, hasOlder, hasNewer } = await this.#window(conversation, window)
          const standing = await chains.get(conversation)
          const items: TimelineItem[] = rows.map((row) => this.#message(row, standing))
          if (!hasNewer) items.push(...(await this.#waiting(conversation, standing)))
          const firstUnread = await this.firstUnread(conversation)
          return { items, hasOlder, hasNewer, firstUnread }
        }),
      options,
    )
  }

  async firstUnread(conversation: PeerIdString): Promise<MessageId | null> {
    const first = await this.#db.messages
      .where('[conversation+unread+clock+id]')
      .between(
        [conversation, 1, Dexie.minKey, Dexie.minKey],
        [conversation, 1, Dexie.maxKey, Dexie.maxKey],
      )
      .first()
    return first?.id ?? null
  }

  async search(
    matches: (text: string) => boolean,
    limit: number,
    options?: AbortOptions,
  ): Promise<MessageRow[]> {
    const found: MessageRow[] = []
    let before: readonly unknown[] = [Dexie.maxKey, Dexie.maxKey]
    for (;;) {
      const batch = await this.#db.messages
        .where('[sentAtMs+id]')
        .between([Dexie.minKey, Dexie.minKey], before, true, false)
        .reverse()
        .limit(SEARCH_BATCH)
        .toArray()
      options?.signal?.throwIfAborted()
      found.push(...batch.filter(({ text }) => matches(text)))
      const last = batch.at(-1)
      if (found.length >= limit || last === undefined) return found.slice(0, limit)
      before = [last.sentAtMs, last.id]
    }
  }

  update(conversation: PeerIdString, changes: Partial<Flags>): Promise<void> {
    const { conversations } = this.#db
    return orStorageFull(
      this.#db.transaction('rw', conversations, () => this.#upsert(conversation, () => changes)),
    )
  }

  async dropEmpty(conversation: PeerIdString): Promise<void> {
    const { conversations } = this.#db
    await this.#db.transaction('rw', conversations, async () => {
      const row = await conversations.get(conversation)
      if (row?.last === null) await conversations.delete(conversation)
    })
  }

  /** The messages of a window, oldest first. */
  async #window(
    conversation: PeerIdString,
    { around, before, after }: StoredWindow,
  ): Promise<{ rows: MessageRow[]; hasOlder: boolean; hasNewer: boolean }> {
    const found = around === 'end' ? undefined : await this.#db.messages.get(around)
    const middle = found?.conversation === conversation ? found : null
    // One more on each side tells whether there are more.
    const older = await (middle === null ? this.#all(conversation) : this.#upTo(middle, false))
      .reverse()
      .limit(before + 1)
      .toArray()
    const newer =
      middle === null
        ? []
        : await this.#after(middle)
            .limit(after + 1)
            .toArray()
    return {
      rows: [
        ...older.slice(0, before).reverse(),
        ...(middle === null ? [] : [middle]),
        ...newer.slice(0, after),
      ],
      hasOlder: older.length > before,
      hasNewer: newer.length > after,
    }
  }

  /** In the order messages are shown. */
  #all(conversation: PeerIdString) {
    return this.#db.messages
      .where('[conversation+clock+id]')
      .between(
        [conversation, Dexie.minKey, Dexie.minKey],
        [conversation, Dexie.maxKey, Dexie.maxKey],
      )
  }

  #upTo({ conversation, clock, id }: MessageRow, included = true) {
    return this.#db.messages
      .where('[conversation+clock+id]')
      .between(
        [conversation, Dexie.minKey, Dexie.minKey],
        [conversation, clock, id],
        true,
        included,
      )
  }

  #after({ conversation, clock, id }: MessageRow) {
    return this.#db.messages
      .where('[conversation+clock+id]')
      .between([conversation, clock, id], [conversation, Dexie.maxKey, Dexie.maxKey], false)
  }

  async #upsert(
    id: PeerIdString,
    change: (before: ConversationRow) => Partial<ConversationRow>,
  ): Promise<void> {
    const { conversations } = this.#db
    const before = (await conversations.get(id)) ?? emptyConversation(id)
    await conversations.put({ ...before, ...change(before) })
  }

  /** What came before its predecessors, each after the gap they leave. */
  async #waiting(
    conversation: PeerIdString,
    standing: ChainsRow | undefined,
  ): Promise<TimelineItem[]> {
    if (standing?.theirs == null) return []
    const { chain, sequence } = standing.theirs
    const items: TimelineItem[] = []
    let next = sequence + 1
    const waiting = await this.#db.early
      .where('[peer+chain+sequence]')
      .between([conversation, chain, Dexie.minKey], [conversation, chain, Dexie.maxKey])
      .toArray()
    for (const early of waiting) {
      if (early.sequence > next) {
        items.push({ type: 'gap', id: `${chain}:${next}`, count: early.sequence - next })
      }
      next = early.sequence + 1
      const said = saidIn(conversation, this.#me, early.id, decodeEnvelope(early.envelope))
      items.push({
        type: 'message',
        id: said.id,
        conversation,
        mine: false,
        text: payloadCodec.decode(said.payload).text,
        sentAtMs: said.sentAtMs,
        receivedAtMs: early.receivedAtMs,
        state: null,
        // Not taken in yet, so it cannot be marked as read either.
        unread: false,
      })
    }
    return items
  }

  #message(row: MessageRow, standing: ChainsRow | undefined): Message {
    const { id, conversation, mine, text, sentAtMs, receivedAtMs } = row
    const state = this.#state(conversation, row, standing)
    const unread = row.unread === 1
    return { type: 'message', id, conversation, mine, text, sentAtMs, receivedAtMs, state, unread }
  }

  #state(
    conversation: PeerIdString,
    { mine, chain, sequence }: Pick<MessageRow, 'mine' | 'sequence'> & { chain?: ChainId },
    standing: ChainsRow | undefined,
  ): DeliveryState | null {
    if (!mine) return null
    // What I write to myself is on my device and on my screen.
    if (conversation === this.#me) return 'read'
    const ended = standing?.ended.find((each) => each.chain === chain)
    const { read = 0, received = 0 } = ended ?? standing?.mine ?? {}
    const { stored = 0 } = standing?.mine ?? {}
    if (sequence <= read) return 'read'
    if (sequence <= received) return 'delivered'
    return sequence <= stored ? 'stored' : 'queued'
  }
}

/** @throws InvalidDataError when the payload is no text. */
function messageRow(message: Delivered): MessageRow {
  const { id, peer, chain, sequence, clock, mine, sentAtMs, receivedAtMs, payload } = message
  const { text } = payloadCodec.decode(payload)
  return {
    id,
    conversation: peer,
    chain,
    sequence,
    clock,
    mine,
    text,
    sentAtMs,
    receivedAtMs,
  }
}

function emptyConversation(id: PeerIdString): ConversationRow {
  return {
    id,
    name: '',
    draft: '',
    pinned: false,
    archived: false,
    mute: null,
    last: null,
    unread: 0,
  }
}

/** What is last with this message: a message can come in before others that were shown already. */
function later(last: ConversationRow['last'], row: MessageRow): ConversationRow['last'] {
  const { id, clock, sequence, mine, text, sentAtMs } = row
  if (last !== null && (last.clock - clock || (last.id < id ? -1 : 1)) > 0) return last
  const preview = text.slice(0, MAX_PREVIEW_CHARS).toWellFormed()
  return { id, clock, sequence, mine, text: preview, sentAtMs }
}
