import { Dexie } from 'dexie'
import { live, type LiveOptions } from '../../db/live.ts'
import type {
  AttachmentRow,
  ChainsRow,
  ConversationRow,
  EarlyRow,
  MessageRow,
  StarlingDatabase,
} from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import { decodeEnvelope, saidIn } from '../../delivery/envelope.ts'
import type { ChainId, MessageId, PeerIdString } from '../../protocol/ids.ts'
import {
  DISAPPEAR_AFTER_MS,
  type Attachment,
  type DeliveryState,
  type Disappearing,
  type Gap,
  type Progress,
  type Quote,
  type TimelineItem,
  type TimelinePage,
  type TimelineWindow,
} from './api.ts'
import { payloadCodec } from './protocol.ts'
import { emptyConversation, lastOf, saidAt, textRow, timelineOf, upsert } from './rows.ts'

/** A conversation as it is stored, and how far its last message has come. */
export interface StoredConversation extends Omit<ConversationRow, 'disappearing'> {
  lastState: DeliveryState | null
  disappearing: Disappearing
}

/** What is known of conversations and their messages (written by journal.ts). All writes @throws StorageFullError. */
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
  /** How far a message of mine has come. */
  watchProgress(
    conversation: PeerIdString,
    message: MessageId,
    options?: LiveOptions,
  ): AsyncIterable<Progress>
  /** When the next message disappears; null while none will. */
  watchNextExpiry(options?: LiveOptions): AsyncIterable<number | null>
  firstUnread(conversation: PeerIdString): Promise<MessageId | null>
  /** Null when it is not in this conversation. */
  message(conversation: PeerIdString, id: MessageId): Promise<MessageRow | null>
  /** Whether any message here has this content. */
  holdsContent(content: string): Promise<boolean>
  /** How long what is said there lasts. */
  disappearing(conversation: PeerIdString): Promise<Disappearing>
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

export class DexieChatStore implements ChatStore {
  readonly #db: StarlingDatabase
  readonly #me: PeerIdString
  readonly #readReceipts: () => boolean

  /**
   * @param me my peer id, under which notes to self are kept
   * @param readReceipts whether what others say they have read is shown
   */
  constructor(db: StarlingDatabase, me: PeerIdString, readReceipts: () => boolean) {
    this.#db = db
    this.#me = me
    this.#readReceipts = readReceipts
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
              return { ...row, lastState, disappearing: disappearing(row.disappearing?.afterMs) }
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
          const waiting = hasNewer ? [] : await this.#waiting(conversation, standing)
          const early = waiting.filter((each): each is MessageRow => !('type' in each))
          const answered = await this.#answered([...rows, ...early])
          const items = [...rows, ...waiting].map((each) =>
            'type' in each ? each : this.#item(each, standing, answered),
          )
          const firstUnread = await this.firstUnread(conversation)
          return { items, hasOlder, hasNewer, firstUnread }
        }),
      options,
    )
  }

  watchProgress(
    conversation: PeerIdString,
    message: MessageId,
    options?: LiveOptions,
  ): AsyncIterable<Progress> {
    const { messages, outbox, progress } = this.#db
    return live(
      () =>
        this.#db.transaction('r', messages, outbox, progress, async () => {
          const row = await this.message(conversation, message)
          const { chain, sequence } = row === null ? { chain: '', sequence: 0 } : saidAt(row)
          const since = async (state: string) => {
            const first = await progress
              .where('[peer+chain+state+upTo]')
              .between(
                [conversation, chain, state, sequence],
                [conversation, chain, state, Dexie.maxKey],
              )
              .first()
            return first?.atMs ?? null
          }
          const sent = await outbox.get([conversation, chain, sequence])
          const receivedAtMs = await since('received')
          const storedAtMs = await since('stored')
          return {
            // What they hold counts as stored, though no relay may ever have kept it.
            storedAtMs: (storedAtMs ?? 0) >= (receivedAtMs ?? Infinity) ? null : storedAtMs,
            relays: sent?.receipts.map(({ relay, atMs }) => ({ relay, atMs })) ?? [],
            receivedAtMs,
            readAtMs: this.#readReceipts() ? await since('read') : null,
          }
        }),
      options,
    )
  }

  watchNextExpiry(options?: LiveOptions): AsyncIterable<number | null> {
    return live(async () => {
      const next = await this.#db.messages.orderBy('disappearsAtMs').first()
      return next?.disappearsAtMs ?? null
    }, options)
  }

  async message(conversation: PeerIdString, id: MessageId): Promise<MessageRow | null> {
    const row = await this.#db.messages.get(id)
    return row?.conversation === conversation ? row : null
  }

  async holdsContent(content: string): Promise<boolean> {
    return (await this.#db.messages.where('content').equals(content).count()) > 0
  }

  async disappearing(conversation: PeerIdString): Promise<Disappearing> {
    const row = await this.#db.conversations.get(conversation)
    return disappearing(row?.disappearing?.afterMs)
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

  update(conversation: PeerIdString, changes: Partial<Flags>): Promise<void> {
    const { conversations } = this.#db
    return orStorageFull(
      this.#db.transaction('rw', conversations, async () =>
        upsert(this.#db, conversation, () => changes),
      ),
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
    const older = await (
      middle === null ? timelineOf(this.#db, conversation) : this.#upTo(middle, false)
    )
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

  /** What came before its predecessors, each after the gap they leave. */
  async #waiting(
    conversation: PeerIdString,
    standing: ChainsRow | undefined,
  ): Promise<(MessageRow | Gap)[]> {
    if (standing?.theirs == null) return []
    const { chain, sequence } = standing.theirs
    const waiting: (MessageRow | Gap)[] = []
    let next = sequence + 1
    const all = await this.#db.early
      .where('[peer+chain+sequence]')
      .between([conversation, chain, Dexie.minKey], [conversation, chain, Dexie.maxKey])
      .toArray()
    for (const early of all) {
      if (early.sequence > next) {
        waiting.push({ type: 'gap', id: `${chain}:${next}`, count: early.sequence - next })
      }
      next = early.sequence + 1
      const row = earlyRow(early, this.#me)
      if (row !== null) waiting.push(row)
    }
    return waiting
  }

  /** The messages that these answer, as far as they are here. */
  async #answered(rows: readonly MessageRow[]): Promise<ReadonlyMap<MessageId, MessageRow>> {
    const known = new Map(rows.map((row) => [row.id, row]))
    const wanted = new Set(rows.flatMap(({ reply }) => (reply === undefined ? [] : [reply])))
    const missing = [...wanted].filter((id) => !known.has(id))
    if (missing.length === 0) return known
    const found = await this.#db.messages.bulkGet(missing)
    for (const row of found) if (row !== undefined) known.set(row.id, row)
    return known
  }

  #item(
    row: MessageRow,
    standing: ChainsRow | undefined,
    answered: ReadonlyMap<MessageId, MessageRow>,
  ): TimelineItem {
    const { id, conversation, mine, text, sentAtMs, receivedAtMs, reactions, announcedMs } = row
    if (announcedMs !== undefined) {
      return { type: 'disappearing', id, mine, afterMs: disappearing(announcedMs), sentAtMs }
    }
    return {
      type: 'message',
      ...{ id, conversation, mine, text, sentAtMs, receivedAtMs },
      attachment: row.attachment === undefined ? null : withoutKey(row.attachment),
      reply: row.reply === undefined ? null : quote(conversation, row.reply, answered),
      forwarded: row.forwarded === true,
      editedAtMs: row.edit?.atMs ?? null,
      deleted: row.deleted === true,
      reactions: {
        mine: reactions?.mine?.emoji ?? null,
        theirs: reactions?.theirs?.emoji ?? null,
      },
      disappearsAtMs: row.disappearsAtMs ?? null,
      state: this.#state(conversation, { mine, ...saidAt(row) }, standing),
      unread: row.unread === 1,
    }
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
    if (sequence <= read && this.#readReceipts()) return 'read'
    if (sequence <= received) return 'delivered'
    return sequence <= stored ? 'stored' : 'queued'
  }
}

/** As a message it would be; null when it is none, or was taken back. */
function earlyRow(early: EarlyRow, me: PeerIdString): MessageRow | null {
  const { id, peer, chain, sequence, envelope, receivedAtMs } = early
  const said = saidIn(peer, me, id, decodeEnvelope(envelope))
  const payload = said && payloadCodec.decode(said.payload)
  if (payload?.type !== 'text') return null
  // Not taken in yet, so it is not unread: it cannot be marked as read either.
  return textRow({ ...said!, peer, mine: false, chain, sequence, receivedAtMs }, payload)
}

function quote(
  conversation: PeerIdString,
  id: MessageId,
  answered: ReadonlyMap<MessageId, MessageRow>,
): Quote {
  const row = answered.get(id)
  // Whoever answers names what they like.
  if (row?.conversation !== conversation || row.deleted === true) return { id, said: null }
  const { mine, text, attachment } = lastOf(row)
  return { id, said: { mine, text, attachment: attachment ?? null } }
}

/** What opens it is nothing for a tab. */
function withoutKey({ key: _, ...attachment }: AttachmentRow): Attachment {
  return attachment
}

/** As stored; what this version does not know lasts for ever. */
function disappearing(afterMs: number | undefined): Disappearing {
  return DISAPPEAR_AFTER_MS.find((each) => each === afterMs) ?? 0
}
