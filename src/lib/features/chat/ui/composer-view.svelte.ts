import type { ChatApi, ConversationId, Message } from '../api.ts'
import type { Clock } from '../../../protocol/seams.ts'
import { bytesLeft } from './text-size.ts'

/** How long typing goes on at most before it is stored as a draft. */
export const DRAFT_AFTER_MS = 400

/** How often the host is told that somebody types, in milliseconds: it tells the other side more seldom still. */
export const TYPING_EVERY_MS = 2_000

/** What becomes of the text: a message, an answer to one, or other words for one. */
export type Purpose = { type: 'message' } | { type: 'reply' | 'edit'; message: Message }

/** Like `localStorage`, but what is in it can only be read by whoever may read messages. */
export type PartingStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export interface ComposerComponents {
  chat: Pick<ChatApi, 'send' | 'edit' | 'saveDraft' | 'setTyping'>
  clock: Clock
  /** Any unique string. */
  newIntent: () => string
  /** Written at once: a page that goes may take the host with it. */
  parting: PartingStorage
}

/**
 * What is being written in one conversation. Nothing typed is lost: it is stored as a draft while it is written,
 * and a text that could not be sent returns to the field with its `intent`, so that sending it again cannot make
 * two messages of it. While another message is edited, the draft waits aside.
 */
export class ComposerView {
  text = $state('')
  /** The name of the error that kept the last text from going out, or null. */
  error = $state.raw<string | null>(null)
  purpose = $state.raw<Purpose>({ type: 'message' })
  /** How many messages have gone out from here; a timeline follows it to the bottom. */
  sent = $state.raw(0)

  readonly #conversation: ConversationId
  readonly #components: ComposerComponents
  #touched = false
  #unsaved = false
  /** What the host is known to have stored. */
  #stored = ''
  #cancelSave: (() => void) | null = null
  #failed: { text: string; intent: string } | null = null
  /** Texts that no host has answered yet. */
  #underWay: readonly { intent: string; text: string }[] = []
  /** The draft, while something else is in the field. */
  #aside = ''
  #typingToldAtMs: number | null = null

  constructor(conversation: ConversationId, components: ComposerComponents) {
    this.#conversation = conversation
    this.#components = components
  }

  /** Bytes of room left, negative past the limit; null while that is far away. */
  get left(): number | null {
    return bytesLeft(this.text)
  }

  get tooLong(): boolean {
    return (this.left ?? 0) < 0
  }

  get canSend(): boolean {
    const unchanged = this.purpose.type === 'edit' && this.purpose.message.text === this.text.trim()
    return this.text.trim() !== '' && !this.tooLong && !unchanged
  }

  /**
   * Puts the stored draft into the field, or what was typed after it, unless something was in the meantime. May be called
   * again when another draft is told.
   */
  restore(draft: string): void {
    if (this.#touched) return
    this.#stored = draft
    const parting = this.#components.parting.getItem(this.#conversation)
    if (parting !== null) this.type(parting)
    else if (draft !== '') {
      this.#touched = true
      this.text = draft
    }
  }

  /** The page goes. What is under way may never have reached a host, so it is in the field again next time. */
  part(): void {
    void this.flush()
    const texts = [...this.#underWay.map(({ text }) => text), this.#draft]
    const left = texts.filter((text) => text !== '').join('\n')
    if (left !== this.#stored) this.#components.parting.setItem(this.#conversation, left)
  }

  /** The person typed. */
  type(text: string): void {
    this.text = text
    this.#touched = true
    this.#tellTyping(text !== '')
    if (this.purpose.type === 'edit') return
    this.#unsaved = true
    this.#cancelSave ??= this.#components.clock.after(DRAFT_AFTER_MS, () => void this.flush())
  }

  /** Another app shares this: it comes after what was written. */
  add(text: string): void {
    this.type(this.text === '' ? text : `${this.text}\n${text}`)
  }

  /** What is written answers this message. */
  reply(message: Message): void {
    this.cancel()
    this.purpose = { type: 'reply', message }
  }

  /** What is written stands for this message. */
  edit(message: Message): void {
    this.cancel()
    void this.flush()
    this.#aside = this.text
    this.#touched = true
    this.error = null
    this.purpose = { type: 'edit', message }
    this.text = message.text
  }

  /** It is a message of its own again; false when it was already. */
  cancel(): boolean {
    const { type } = this.purpose
    this.purpose = { type: 'message' }
    if (type === 'edit') {
      this.text = this.#aside
      this.error = null
      this.#tellTyping(false)
    }
    return type !== 'message'
  }

  /** Stores the draft now: the field is left. */
  async flush(): Promise<void> {
    this.#cancelSave?.()
    this.#cancelSave = null
    if (!this.#unsaved) return
    this.#unsaved = false
    const text = this.#draft
    try {
      await this.#components.chat.saveDraft(this.#conversation, text)
      this.#storedIs(text)
    } catch {
      // Still in the field: the next key or leaving it tries again.
      this.#unsaved = true
    }
  }

  /** Sends the text and empties the field at once; a failure puts it back in front of what was typed since. */
  async send(): Promise<void> {
    if (!this.canSend) return
    const { purpose } = this
    if (purpose.type === 'edit') {
      await this.#change(purpose.message)
      return
    }
    const text = this.text.trim()
    const intent = this.#failed?.text === text ? this.#failed.intent : this.#components.newIntent()
    this.#cancelSave?.()
    this.#cancelSave = null
    this.#unsaved = false
    this.#touched = true
    this.#failed = null
    this.error = null
    this.text = ''
    this.purpose = { type: 'message' }
    this.#typingToldAtMs = null
    const as = purpose.type === 'reply' ? { reply: purpose.message.id } : {}
    this.#underWay = [...this.#underWay, { intent, text }]
    const answered = (): void => {
      this.#underWay = this.#underWay.filter((each) => each.intent !== intent)
    }
    try {
      await this.#components.chat.send(this.#conversation, text, intent, as)
      answered()
      this.#wentOut()
      this.sent += 1
    } catch (error) {
      answered()
      this.#failed = { text, intent }
      this.error = error instanceof Error ? error.name : 'Error'
      this.type(this.text === '' ? text : `${text}\n${this.text}`)
      this.purpose = purpose
    }
  }

  /** What is in the field went out beside a file. */
  wentAlong(caption: string): void {
    this.purpose = { type: 'message' }
    // A file without words is not the draft: that is kept.
    if (caption === '') return
    if (this.text.trim() === caption) {
      this.#cancelSave?.()
      this.#cancelSave = null
      this.#unsaved = false
      this.#typingToldAtMs = null
      this.text = ''
    }
    this.#wentOut()
  }

  async #change(message: Message): Promise<void> {
    this.error = null
    try {
      await this.#components.chat.edit(this.#conversation, message.id, this.text.trim())
      this.cancel()
    } catch (error) {
      this.error = error instanceof Error ? error.name : 'Error'
    }
  }

  #tellTyping(on: boolean): void {
    const { chat, clock } = this.#components
    const nowMs = clock.now()
    const told = this.#typingToldAtMs
    if (on ? told !== null && nowMs - told < TYPING_EVERY_MS : told === null) return
    this.#typingToldAtMs = on ? nowMs : null
    // Whether they hear of it changes nothing here.
    chat.setTyping(this.#conversation, on).catch(() => undefined)
  }

  /** What is kept as the draft. */
  get #draft(): string {
    return this.purpose.type === 'edit' ? this.#aside : this.text
  }

  /** The host let go of the draft with what went out: what was typed since is stored anew. */
  #wentOut(): void {
    this.#storedIs('')
    if (this.#draft === '') return
    this.#unsaved = true
    this.#cancelSave ??= this.#components.clock.after(DRAFT_AFTER_MS, () => void this.flush())
  }

  #storedIs(text: string): void {
    this.#stored = text
    this.#components.parting.removeItem(this.#conversation)
  }
}
