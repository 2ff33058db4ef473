import { safeKind, plainType } from '../../../ui/safe-media.ts'
import type { Attachment, AttachmentProgress, ChatApi, MessagePlace } from '../api.ts'

export type AttachmentCalls = Pick<
  ChatApi,
  'watchAttachment' | 'getAttachment' | 'pauseAttachment' | 'readAttachment'
>

/** One attachment on the screen: how far it is, and its bytes while they are shown. */
export class AttachmentView {
  progress = $state.raw<AttachmentProgress | null>(null)
  /** Where the page finds its bytes; null before `load`. */
  url = $state.raw<string | null>(null)
  /** It could not be got, read or shown. */
  failed = $state.raw(false)

  readonly #chat: AttachmentCalls
  readonly #place: MessagePlace
  readonly #attachment: Attachment
  #life = new AbortController()
  #loading: Promise<void> | null = null

  constructor(chat: AttachmentCalls, place: MessagePlace, attachment: Attachment) {
    this.#chat = chat
    this.#place = place
    this.#attachment = attachment
  }

  get here(): boolean {
    return this.progress?.state === 'here'
  }

  /** How it may be shown inside the page; null when it is only saved. */
  get safe() {
    return safeKind(this.#attachment.mediaType, this.#attachment.bytes)
  }

  /** Follows it until the returned function is called, which lets go of its bytes. */
  open(): () => void {
    this.#life = new AbortController()
    void this.#follow(this.#life.signal)
    return () => {
      this.#life.abort()
      if (this.url !== null) URL.revokeObjectURL(this.url)
      this.url = null
      this.#loading = null
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

  /** Gives its bytes an address; only of what may be shown. */
  load(): Promise<void> {
    if (this.safe === null) return Promise.resolve()
    this.#loading ??= this.#load(this.#life.signal)
    return this.#loading
  }

  /** Its bytes, a piece at a time. */
  read(options?: { signal?: AbortSignal }): AsyncIterable<Uint8Array<ArrayBuffer>> {
    return this.#chat.readAttachment(this.#place, options)
  }

  async #load(signal: AbortSignal): Promise<void> {
    try {
      const pieces: BlobPart[] = []
      for await (const piece of this.read({ signal })) pieces.push(piece)
      if (signal.aborted) return
      this.url = URL.createObjectURL(
        new Blob(pieces, { type: plainType(this.#attachment.mediaType) }),
      )
    } catch {
      if (!signal.aborted) this.failed = true
      this.#loading = null
    }
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
      this.progress = { state: 'away', onward: null, verifiedBytes: 0, problem: null }
    }
  }
}
