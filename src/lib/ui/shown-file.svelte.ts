import { GatheredBlob } from './gathered-blob.ts'
import { MAX_SHOWN_TEXT_BYTES, plainType, safeKind, type SafeKind } from './safe-media.ts'

export interface ShownFileInit {
  /** What its maker says it is; nothing is believed that could do harm (`safeKind`). */
  mediaType: string
  bytes: number
  /** Its bytes, a piece at a time. */
  read: (options: { signal: AbortSignal }) => AsyncIterable<Uint8Array<ArrayBuffer>>
}

/** What is in a file, while it is on the screen. */
export class ShownFile {
  /** How it may be shown inside the page; null when it is only saved. */
  readonly kind: SafeKind | null
  /** The words of a text, or the first of them; the bytes of all else; null before `load`. */
  content = $state.raw<Blob | string | null>(null)
  /** Where the page itself finds its bytes, of all kinds but text; null before `load`. */
  url = $state.raw<string | null>(null)
  /** It could not be read or shown. */
  failed = $state.raw(false)

  readonly #init: ShownFileInit
  #life = new AbortController()
  #loading: Promise<void> | null = null

  constructor(init: ShownFileInit) {
    this.#init = init
    this.kind = safeKind(init.mediaType, init.bytes)
  }

  /** Whether `text` is only the beginning. */
  get cut(): boolean {
    return this.kind === 'text' && this.#init.bytes > MAX_SHOWN_TEXT_BYTES
  }

  /** Reads it, once; only what may be shown. */
  load(): Promise<void> {
    if (this.kind === null) return Promise.resolve()
    this.#loading ??= this.#load(this.#life.signal)
    return this.#loading
  }

  /** Lets go of its bytes. It can be loaded again. */
  release(): void {
    this.#life.abort()
    this.#life = new AbortController()
    if (this.url !== null) URL.revokeObjectURL(this.url)
    this.url = null
    this.content = null
    this.#loading = null
  }

  async #load(signal: AbortSignal): Promise<void> {
    this.failed = false
    try {
      const blob = await this.#read(signal)
      if (signal.aborted) return
      if (this.kind !== 'text') {
        this.url = URL.createObjectURL(blob)
        this.content = blob
      } else {
        const bytes = await blob.slice(0, MAX_SHOWN_TEXT_BYTES).arrayBuffer()
        // What is cut in the middle of a sign is left out with it.
        this.content = new TextDecoder().decode(bytes, { stream: this.cut })
      }
    } catch {
      if (signal.aborted) return
      this.failed = true
      this.#loading = null
    }
  }

  async #read(signal: AbortSignal): Promise<Blob> {
    const { read, mediaType } = this.#init
    const gathered = new GatheredBlob()
    for await (const piece of read({ signal })) {
      gathered.add(piece)
      if (this.kind === 'text' && gathered.bytes >= MAX_SHOWN_TEXT_BYTES) break
    }
    return gathered.whole(plainType(mediaType))
  }
}
