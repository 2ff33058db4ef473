import { Dexie, type Table } from 'dexie'
import { live, type LiveOptions } from '../../db/live.ts'
import type { ChainsRow, ConversationRow, MessageRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { Delivered } from '../../delivery/chain.ts'
import { decodeEnvelope } from '../../delivery/envelope.ts'
import type { Journal } from '../../delivery/store.ts'
import type { ChainId, MessageId, PeerIdString } from '../../protocol/ids.ts'
import type { DeliveryState, Message, TimelineItem } from './api.ts'
import { payloadCodec } from './protocol.ts'

/** Messages looked through at a time by a search. */
const SEARCH_BATCH = 500

/** A conversation as it is stored. */
export interface StoredConversation extends ConversationRow {
  last: Message | null
  unread: number
}

export interface StoredTimeline {
  items: TimelineItem[]
  hasOlder: boolean
}

/** Remembers conversations and their messages. All writes @throws StorageFullError. */
export interface ChatStore {
  /** Those there is a row of, and all of `ids`. */
  watchConversations<T>(
    ids: () => Iterable<PeerIdString>,
    shape: (conversations: StoredConversation[]) => T,
    options?: LiveOptions,
  ): AsyncIterable<T>
  /** The newest `limit` messages, oldest first, and what waits behind gaps. */
  watchTimeline(
    conversation: PeerIdString,
    limit: number,
    options?: LiveOptions,
  ): AsyncIterable<StoredTimeline>
  firstUnread(conversation: PeerIdString): Promise<MessageId | null>
  /** Newest first. */
  search(matches: (text: string) => boolean, limit: number): Promise<MessageRow[]>
  /** Changes flags of a conversation, which need not have a row yet. */
  update(conversation: PeerIdString, changes: Partial<Omit<ConversationRow, 'id'>>): Promise<void>
  /** Forgets a conversation without messages. */
  dropEmpty(conversation: PeerIdString): Promise<void>
}

export class DexieChatStore implements ChatStore, Journal {
  readonly tables: readonly Table[]
  readonly #db: StarlingDatabase
  readonly #me: PeerIdString

  /** @param me my peer id, under which notes to self are kept */
  constructor(db: StarlingDatabase, me: PeerIdString) {
    this.#db = db
    this.#me = me
    this.tables = [db.messages, db.conversations]
  }

  async sent(message: Delivered): Promise<void> {
    await this.#db.messages.add(messageRow(message))
    await this.#upsert(message.peer, { draft: '', archived: false })
  }

  async received(message: Delivered): Promise<void> {
    await this.#db.messages.add({ ...messageRow(message), unread: 1 })
    await this.#upsert(message.peer, { archived: false })
  }

  async read(peer: PeerIdString, upTo: MessageId, chain: ChainId): Promise<number> {
    const { messages } = this.#db
    const last = await messages.get(upTo)
    if (last?.conversation !== peer) return 0
    await messages
      .where({ conversation: peer, unread: 1 })
      .filter((each) => compare(each, last) <= 0)
      .modify((each) => {
        delete each.unread
      })
    const newest = await messages
      .where('[conversation+clock+id]')
      .between([peer, Dexie.minKey, Dexie.minKey], [peer, last.clock, last.id], true, true)
      .reverse()
      .filter((each) => !each.mine && each.chain === chain)
      .first()
    return newest?.sequence ?? 0
  }

  async forgotten(peer: PeerIdString): Promise<void> {
    await this.#all(peer).delete()
    await this.#db.conversations.delete(peer)
  }

  watchConversations<T>(
    ids: () => Iterable<PeerIdString>,
    shape: (conversations: StoredConversation[]) => T,
    options?: LiveOptions,
  ): AsyncIterable<T> {
    const { chains, conversations, messages } = this.#db
    return live(
      () =>
        this.#db.transaction('r', conversations, messages, chains, async () => {
          const rows = new Map((await conversations.toArray()).map((row) => [row.id, row]))
          const all = [...new Set([...ids(), ...rows.keys()])]
          return shape(
            await Promise.all(
              all.map((id) => this.#summary(rows.get(id) ?? emptyConversation(id))),
            ),
          )
        }),
      options,
    )
  }

  watchTimeline(
    conversation: PeerIdString,
    limit: number,
    options?: LiveOptions,
  ): AsyncIterable<StoredTimeline> {
    const { chains, early, messages } = this.#db
    return live(
      () =>
        this.#db.transaction('r', messages, chains, early, async () => {
          const rows = await this.#all(conversation)
            .reverse()
            .limit(limit + 1)
            .toArray()
          const hasOlder = rows.length > limit
          const standing = await chains.get(conversation)
          const items: TimelineItem[] = rows
            .slice(0, limit)
            .reverse()
            .map((row) => this.#message(row, standing))
          return { items: [...items, ...(await this.#waiting(conversation, standing))], hasOlder }
        }),
      options,
    )
  }

  async firstUnread(conversation: PeerIdString): Promise<MessageId | null> {
    const unread = await this.#db.messages.where({ conversation, unread: 1 }).toArray()
    return unread.sort(compare)[0]?.id ?? null
  }

  async search(matches: (text: string) => boolean, limit: number): Promise<MessageRow[]> {
    const found: MessageRow[] = []
    for (let offset = 0; ; offset += SEARCH_BATCH) {
      const batch = await this.#db.messages
        .orderBy('sentAtMs')
        .reverse()
        .offset(offset)
        .limit(SEARCH_BATCH)
        .toArray()
      found.push(...batch.filter(({ text }) => matches(text)))
      if (found.length >= limit || batch.length < SEARCH_BATCH) return found.slice(0, limit)
    }
  }

  update(conversation: PeerIdString, changes: Partial<Omit<ConversationRow, 'id'>>): Promise<void> {
    const { conversations } = this.#db
    return orStorageFull(
      this.#db.transaction('rw', conversations, () => this.#upsert(conversation, changes)),
    )
  }

  async dropEmpty(conversation: PeerIdString): Promise<void> {
    const { conversations, messages } = this.#db
    await this.#db.transaction('rw', conversations, messages, async () => {
      if ((await this.#all(conversation).count()) === 0) await conversations.delete(conversation)
    })
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

  async #upsert(id: PeerIdString, changes: Partial<Omit<ConversationRow, 'id'>>): Promise<void> {
    const { conversations } = this.#db
    const before = (await conversations.get(id)) ?? emptyConversation(id)
    await conversations.put({ ...before, ...changes })
  }

  async #summary(row: ConversationRow): Promise<StoredConversation> {
    const { chains, messages } = this.#db
    const newest = await this.#all(row.id).last()
    return {
      ...row,
      last: newest === undefined ? null : this.#message(newest, await chains.get(row.id)),
      unread: await messages.where({ conversation: row.id, unread: 1 }).count(),
    }
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
      const envelope = decodeEnvelope(early.envelope)
      items.push({
        type: 'message',
        id: early.id,
        conversation,
        mine: false,
        text: payloadCodec.decode(envelope.payload).text,
        sentAtMs: envelope.sentAtMs,
        receivedAtMs: early.receivedAtMs,
        state: null,
      })
    }
    return items
  }

  #message(row: MessageRow, standing: ChainsRow | undefined): Message {
    const { id, conversation, mine, text, sentAtMs, receivedAtMs } = row
    const state = mine ? this.#state(row, standing) : null
    return { type: 'message', id, conversation, mine, text, sentAtMs, receivedAtMs, state }
  }

  #state({ conversation, sequence }: MessageRow, standing: ChainsRow | undefined): DeliveryState {
    // What I write to myself is on my device and on my screen.
    if (conversation === this.#me || sequence <= (standing?.mine.read ?? 0)) return 'read'
    return sequence <= (standing?.mine.received ?? 0) ? 'delivered' : 'queued'
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
  return { id, name: '', draft: '', pinned: false, archived: false }
}

function compare(a: MessageRow, b: MessageRow): number {
  return a.clock - b.clock || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
