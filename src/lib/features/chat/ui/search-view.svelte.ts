import type { ChatApi, SearchHit } from '../api.ts'
import type { Clock } from '../../../protocol/seams.ts'

/** How long typing must pause before messages are searched. */
export const SEARCH_PAUSE_MS = 150

/** The search over all messages, as it is typed. An answer that was overtaken is never shown. */
export class SearchView {
  query = $state('')
  /** null until the present query was answered. */
  hits = $state.raw<readonly SearchHit[] | null>(null)
  failed = $state.raw(false)

  readonly #chat: Pick<ChatApi, 'search'>
  readonly #clock: Clock
  #abandon: (() => void) | null = null

  constructor(chat: Pick<ChatApi, 'search'>, clock: Clock) {
    this.#chat = chat
    this.#clock = clock
  }

  /** Whether there is anything to look for. */
  get active(): boolean {
    return this.query.trim() !== ''
  }

  type(query: string): void {
    this.query = query
    this.#abandon?.()
    this.#abandon = null
    if (!this.active) {
      this.hits = null
      return
    }
    const overtaken = new AbortController()
    const cancel = this.#clock.after(SEARCH_PAUSE_MS, () => {
      void this.#search(query.trim(), overtaken.signal)
    })
    this.#abandon = () => {
      cancel()
      overtaken.abort()
    }
  }

  clear(): void {
    this.type('')
  }

  async #search(query: string, signal: AbortSignal): Promise<void> {
    try {
      const hits = await this.#chat.search(query, { signal })
      if (signal.aborted) return
      this.hits = hits
      this.failed = false
    } catch {
      if (!signal.aborted) this.failed = true
    }
  }
}
