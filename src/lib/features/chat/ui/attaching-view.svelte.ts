import type { MessageId } from '../../../protocol/ids.ts'
import type { ChatApi, ConversationId, Look, OutgoingFile } from '../api.ts'
import { isPicture, type MadePicture } from './picture-making.ts'

/** Files that go out with one press. */
export const MAX_CHOSEN = 30

/** A file that will be sent. */
export interface Chosen {
  file: Blob
  name: string
  /** It can be sent as a picture. */
  picture: boolean
  /** Any unique string: sent again it is the same message. */
  intent: string
  /** What it is shown as, where that is known already. */
  look: Look | null
}

export interface AttachingComponents {
  chat: Pick<ChatApi, 'sendFile' | 'watchPreparing'>
  newIntent: () => string
  makePicture: (file: Blob, name: string) => Promise<MadePicture>
}

/** The files a person is about to send in one conversation. Those that did not go out stay, and go out once. */
export class AttachingView {
  chosen = $state.raw<readonly Chosen[]>([])
  /** Pictures go as they are, with all that stands in them. */
  asFiles = $state(false)
  /** The name of the file that is being made ready; null while none is. */
  preparing = $state.raw<string | null>(null)
  /** How much of that file is taken in, 0 to 1; null before the first byte. */
  preparedShare = $state.raw<number | null>(null)
  /** The name of the error that kept a file from going out; null when none did. */
  error = $state.raw<string | null>(null)
  /** More were chosen than go out at once. */
  tooMany = $state.raw(false)
  /** How many have gone out from here. */
  sent = $state.raw(0)

  readonly #conversation: ConversationId
  readonly #components: AttachingComponents

  constructor(conversation: ConversationId, components: AttachingComponents) {
    this.#conversation = conversation
    this.#components = components
  }

  get hasPictures(): boolean {
    return this.chosen.some(({ picture, look }) => picture && look === null)
  }

  add(files: Iterable<File>): void {
    const all = [...this.chosen, ...[...files].map((file) => this.#choose(file, file.name, null))]
    this.tooMany = all.length > MAX_CHOSEN
    this.chosen = all.slice(0, MAX_CHOSEN)
    this.error = null
  }

  remove(intent: string): void {
    this.chosen = this.chosen.filter((each) => each.intent !== intent)
    this.tooMany = false
    if (this.chosen.length === 0) this.clear()
  }

  clear(): void {
    this.chosen = []
    this.asFiles = false
    this.error = null
    this.tooMany = false
  }

  /** A voice message, before anything else that is chosen. */
  sendVoice(file: Blob, name: string, look: Look, reply: MessageId | null): Promise<boolean> {
    this.chosen = [this.#choose(file, name, look), ...this.chosen]
    return this.send('', reply)
  }

  /**
   * Sends what is chosen by now: what comes to it meanwhile waits for a press of its own. The words go with the first.
   * True once all are on their way; else those that are not stay chosen.
   */
  async send(caption: string, reply: MessageId | null): Promise<boolean> {
    if (this.preparing !== null) return false
    this.error = null
    this.tooMany = false
    let first = true
    for (const next of this.chosen) {
      // Taken out meanwhile.
      if (!this.chosen.includes(next)) continue
      this.preparing = next.name
      const preparing = new AbortController()
      try {
        const file = await this.#ready(next, first ? caption : '')
        void this.#follow(next.intent, file.file.size, preparing.signal)
        const as = first && reply !== null ? { reply } : {}
        await this.#components.chat.sendFile(this.#conversation, file, next.intent, as)
        const { intent } = next
        this.chosen = this.chosen.filter((each) => each.intent !== intent)
        this.sent += 1
        first = false
      } catch (error) {
        this.error = error instanceof Error ? error.name : 'Error'
        // What was said went out with the first.
        return !first
      } finally {
        preparing.abort()
        this.preparing = null
        this.preparedShare = null
      }
    }
    if (this.chosen.length === 0) this.clear()
    return true
  }

  async #follow(intent: string, size: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const bytes of this.#components.chat.watchPreparing(intent, { signal })) {
        if (signal.aborted) return
        this.preparedShare = bytes === 0 ? null : bytes / size
      }
    } catch {
      // It is sent all the same; only how far it is goes unsaid.
    }
  }

  #choose(file: Blob, name: string, look: Look | null): Chosen {
    return { file, name, picture: isPicture(file), intent: this.#components.newIntent(), look }
  }

  async #ready({ file, name, picture, look }: Chosen, caption: string): Promise<OutgoingFile> {
    const plain: OutgoingFile = { file, name, look: look ?? { kind: 'file' }, caption }
    if (look !== null || !picture || this.asFiles) return plain
    try {
      return { ...plain, ...(await this.#components.makePicture(file, name)) }
    } catch {
      // Not what its type says, or not for this browser: then it goes as it is.
      return plain
    }
  }
}
