import {
  MAX_WINDOW_SIDE,
  type ChatApi,
  type ConversationId,
  type DeliveryState,
  type Message,
  type TimelineWindow,
} from '#lib/features/chat/api.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import { Turns } from '#lib/protocol/turns.ts'
import { first } from './first.ts'
import type { Event } from './protocol.ts'

/** Messages of mine in one conversation whose states are told; when there are more, the oldest are left. */
export const MAX_FOLLOWED = 1_000

export interface ConversationsComponents {
  chat: Pick<ChatApi, 'watchConversations' | 'watchTimeline' | 'send' | 'markRead'>
  tell: (event: Event) => void
}

export interface ConversationsInit {
  me: PeerIdString
  /** Answer each text of theirs with the same. */
  echo: boolean
}

/** What is known of one conversation. */
interface Told {
  /** Messages of theirs that were told and are not read yet. */
  unread: ReadonlySet<MessageId>
  /** Messages of mine, oldest first, and what was told of them last. */
  followed: Map<MessageId, DeliveryState | null>
}

/**
 * Tells every message of theirs that is not read, once a run, and how far messages of mine have come. An echo is sent
 * under an intent made of what it answers, and that is marked as read after it: so each is answered exactly once,
 * whenever this ends in between.
 */
export class Conversations {
  readonly #components: ConversationsComponents
  readonly #init: ConversationsInit
  readonly #told = new Map<ConversationId, Told>()
  /** One look at a conversation at a time. */
  readonly #turns = new Turns<ConversationId>()

  constructor(components: ConversationsComponents, init: ConversationsInit) {
    this.#components = components
    this.#init = init
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const list of this.#components.chat.watchConversations({ signal })) {
      for (const { id } of list) if (id !== this.#init.me) await this.#look(id)
    }
    await this.#turns.idle()
  }

  /** Tells of this message of mine from now on. */
  follow(conversation: ConversationId, id: MessageId): Promise<void> {
    return this.#turns.run(conversation, async () => {
      const told = await this.#toldIn(conversation)
      if (!told.followed.has(id)) told.followed.set(id, null)
      await this.#tellStates(conversation, told)
    })
  }

  #look(conversation: ConversationId): Promise<void> {
    return this.#turns.run(conversation, async () => {
      const told = await this.#toldIn(conversation)
      await this.#tellUnread(conversation, told)
      await this.#tellStates(conversation, told)
    })
  }

  /** At first sight: what is not read over there yet, of the newest page, is told of again. */
  async #toldIn(conversation: ConversationId): Promise<Told> {
    const known = this.#told.get(conversation)
    if (known !== undefined) return known
    const window: TimelineWindow = { around: 'end', before: MAX_WINDOW_SIDE, after: 0 }
    const { messages } = await this.#page(conversation, window)
    const followed = new Map<MessageId, DeliveryState | null>(
      messages.filter(({ mine, state }) => mine && state !== 'read').map(({ id }) => [id, null]),
    )
    const told: Told = { unread: new Set(), followed }
    this.#told.set(conversation, told)
    return told
  }

  async #tellUnread(conversation: ConversationId, told: Told): Promise<void> {
    const unread = new Set<MessageId>()
    for await (const message of this.#messagesFrom(conversation, 'unread')) {
      if (!message.unread || message.deleted) continue
      unread.add(message.id)
      if (told.unread.has(message.id)) continue
      const { id, text, sentAtMs } = message
      const reply = message.reply?.id ?? null
      const file = fileOf(message)
      this.#components.tell({
        type: 'message',
        from: conversation,
        id,
        text,
        file,
        reply,
        sentAtMs,
      })
      // Without words there is nothing to echo.
      if (this.#init.echo && text !== '') await this.#echo(conversation, message)
    }
    told.unread = unread
  }

  async #tellStates(conversation: ConversationId, { followed }: Told): Promise<void> {
    for (const id of followed.keys()) {
      if (followed.size <= MAX_FOLLOWED) break
      followed.delete(id)
    }
    const [oldest] = followed.keys()
    if (oldest === undefined) return
    for await (const { id, state } of this.#messagesFrom(conversation, oldest)) {
      const before = followed.get(id)
      if (before === undefined || state === null || state === before) continue
      this.#components.tell({ type: 'state', to: conversation, id, state })
      if (state === 'read') followed.delete(id)
      else followed.set(id, state)
    }
  }

  async #echo(conversation: ConversationId, { id, text }: Message): Promise<void> {
    const { chat, tell } = this.#components
    try {
      const answer = await chat.send(conversation, text, `echo ${id}`)
      await chat.markRead(conversation, id)
      this.#told.get(conversation)?.followed.set(answer, null)
    } catch (error) {
      // Such as a contact that was blocked meanwhile. It stays unread, and is answered after the next start.
      if (!(error instanceof StarlingError)) throw error
      tell({ type: 'error', name: error.name, message: error.message })
    }
  }

  /** All messages from this place on, oldest first; where nothing is unread, the last. */
  async *#messagesFrom(
    conversation: ConversationId,
    from: 'unread' | MessageId,
  ): AsyncIterable<Message> {
    let around: TimelineWindow['around'] = from
    for (;;) {
      const page = await this.#page(conversation, { around, before: 0, after: MAX_WINDOW_SIDE })
      yield* page.messages.filter(({ id }) => id !== around || around === from)
      if (!page.hasNewer || page.last === undefined || page.last === around) return
      around = page.last
    }
  }

  async #page(
    conversation: ConversationId,
    window: TimelineWindow,
  ): Promise<{ messages: Message[]; last: MessageId | undefined; hasNewer: boolean }> {
    const { items, hasNewer } = await first(
      this.#components.chat.watchTimeline(conversation, window),
    )
    return {
      messages: items.filter((item) => item.type === 'message'),
      last: items.findLast((item) => item.type !== 'gap')?.id,
      hasNewer,
    }
  }
}

function fileOf({ attachment }: Message): (Event & { type: 'message' })['file'] {
  if (attachment === null) return null
  const { name, mediaType, bytes } = attachment
  return { name, mediaType, bytes }
}
