import { ShownFile } from '../../../ui/shown-file.svelte.ts'
import type { Attachment, AttachmentProgress, ChatApi, MessagePlace } from '../api.ts'

export type AttachmentCalls = Pick<
  ChatApi,
  'watchAttachment' | 'getAttachment' | 'pauseAttachment' | 'readAttachment'
>

/** One attachment on the screen: how far it is, and its bytes while they are shown. */
export class AttachmentView {
  progress = $state.raw<AttachmentProgress | null>(null)
  /** What is in it, once it is here. */
  readonly file: ShownFile

  readonly #chat: AttachmentCalls
  readonly #place: MessagePlace
  #life = new AbortController()

  constructor(chat: AttachmentCalls, place: MessagePlace, attachment: Attachment) {
    this.#chat = chat
    this.#place = place
    this.file = new ShownFile({ ...attachment, read: (options) => this.read(options) })
  }

  get here(): boolean {
    return this.progress?.state === 'here'
  }

  /** It could not be got, read or shown. */
  get failed(): boolean {
    return this.file.failed
  }

  set failed(failed: boolean) {
    this.file.failed = failed
  }

  /** Follows it until the returned function is called, which lets go of its bytes. */
  open(): () => void {
    this.#life = new AbortController()
    void this.#follow(this.#life.signal)
    return () => {
      this.#life.abort()
      this.file.release()
    }
  }

  async get(): Promise<void> {
    this.failed = false
    try {
      await this.#chat.getAttachment(this.#place)
    } catch {
      this.failed = true
    }
  }

  async pause(): Promise<void> {
    try {
      await this.#chat.pauseAttachment(this.#place)
    } catch {
      this.failed = true
    }
  }

  /** Its bytes, a piece at a time. */
  read(options?: { signal?: AbortSignal }): AsyncIterable<Uint8Array<ArrayBuffer>> {
    return this.#chat.readAttachment(this.#place, options)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    try {
      for await (const progress of this.#chat.watchAttachment(this.#place, { signal })) {
        if (signal.aborted) return
        this.progress = progress
      }
    } catch {
      // What waits behind a gap is not to be had before the gap is filled.
      if (signal.aborted) return
      this.progress = {
        state: 'away',
        onward: null,
        verifiedBytes: 0,
        bytesPerSecond: 0,
        msLeft: null,
        problem: null,
      }
    }
  }
}
