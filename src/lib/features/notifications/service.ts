import type { Logger, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { ChatApi, Conversation } from '../chat/api.ts'
import type { ContactRequest, ContactsApi } from '../contacts/api.ts'
import type { Settings, SettingsApi } from '../settings/api.ts'
import type { About, Notice, Notices, NotificationsApi } from './api.ts'
import { countsOf, newMessages, newRequests, stillOpen } from './news.ts'

export interface NotificationsComponents {
  chat: Pick<ChatApi, 'watchConversations'>
  contacts: Pick<ContactsApi, 'watchRequests'>
  settings: Pick<SettingsApi, 'watchSettings'>
  logger: Logger
}

/** A tab that asks for notices. */
interface Tab {
  focused: boolean
  /** There is something it was not told. */
  due: boolean
  wake: () => void
}

/**
 * Which notifications there are to be. Guarantees: each is told to one tab, once; none while a tab is focused, for a muted
 * conversation, or for what was unread before this began; what was read or answered anywhere is no longer open.
 */
export class NotificationsService implements NotificationsApi, Startable {
  readonly #components: NotificationsComponents
  /** Those used last at the end. */
  readonly #tabs: Tab[] = []
  readonly #fresh = new Map<About, Notice>()
  #conversations: Conversation[] | null = null
  #requests: ContactRequest[] | null = null
  #detail: Settings['notifications'] = 'off'
  #life: AbortController | null = null
  #following: Promise<unknown> | null = null
  #stopped = false

  constructor(components: NotificationsComponents) {
    this.#components = components
  }

  start(): void {
    if (this.#life !== null) return
    this.#life = new AbortController()
    this.#stopped = false
    const { signal } = this.#life
    const { chat, contacts, settings } = this.#components
    this.#following = Promise.all([
      this.#follow(signal, settings.watchSettings({ signal }), ({ notifications }) => {
        this.#detail = notifications
        if (notifications === 'off') this.#fresh.clear()
      }),
      this.#follow(signal, chat.watchConversations({ signal }), (conversations) => {
        const before = this.#conversations
        this.#conversations = conversations
        if (before === null) return
        for (const notice of newMessages(conversations, countsOf(before))) this.#tell(notice)
      }),
      this.#follow(signal, contacts.watchRequests({ signal }), (requests) => {
        const before = this.#requests
        this.#requests = requests
        const notice = before && newRequests(requests, new Set(before.map(({ peer }) => peer)))
        if (notice !== null) this.#tell(notice)
      }),
    ])
  }

  async stop(): Promise<void> {
    if (this.#life === null) return
    this.#life.abort()
    this.#life = null
    await this.#following
    this.#conversations = null
    this.#requests = null
    this.#fresh.clear()
    this.#stopped = true
    this.#changed()
  }

  async *notices(focused: boolean, { signal }: AbortOptions = {}): AsyncIterable<Notices> {
    const tab: Tab = { focused, due: true, wake: () => undefined }
    const wake = (): void => {
      tab.wake()
    }
    signal?.addEventListener('abort', wake)
    this.#tabs.push(tab)
    if (focused) this.#fresh.clear()
    this.#changed()
    try {
      while (signal?.aborted !== true && !this.#stopped) {
        if (tab.due && this.#tabs.at(-1) === tab) {
          tab.due = false
          yield this.#take()
        } else {
          await new Promise<void>((resolve) => (tab.wake = resolve))
        }
      }
    } finally {
      signal?.removeEventListener('abort', wake)
      this.#tabs.splice(this.#tabs.indexOf(tab), 1)
      this.#changed()
    }
  }

  /** What the chosen tab is told now. */
  #take(): Notices {
    const open = stillOpen(this.#conversations ?? [], this.#requests ?? [])
    const fresh = [...this.#fresh.values()].filter(({ about }) => open.includes(about))
    this.#fresh.clear()
    return { fresh, open }
  }

  #tell(notice: Notice): void {
    if (this.#detail === 'off' || this.#tabs.some(({ focused }) => focused)) return
    const told = this.#detail === 'text' ? notice : { ...notice, text: null, file: null }
    this.#fresh.set(notice.about, told)
  }

  #changed(): void {
    for (const tab of this.#tabs) {
      tab.due = true
      tab.wake()
    }
  }

  async #follow<T>(
    signal: AbortSignal,
    values: AsyncIterable<T>,
    take: (value: T) => void,
  ): Promise<void> {
    try {
      for await (const value of values) {
        if (signal.aborted) return
        take(value)
        this.#changed()
      }
    } catch (error) {
      if (!signal.aborted) this.#components.logger.error('notifications end', error)
    }
  }
}
