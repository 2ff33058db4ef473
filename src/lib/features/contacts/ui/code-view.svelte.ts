import type { PeerIdString } from '../../../protocol/ids.ts'
import type { CodePreview, ContactsApi } from '../api.ts'

/** Names of what can be wrong with a code or stand in the way of adding its person. */
export type CodeProblem =
  | 'MalformedCodeError'
  | 'ForeignCodeError'
  | 'ExpiredCodeError'
  | 'TamperedCodeError'
  | 'NewerCodeError'
  | 'OwnCodeError'
  | 'StorageFullError'
  | 'Other'

const PROBLEMS: readonly string[] = [
  'MalformedCodeError',
  'ForeignCodeError',
  'ExpiredCodeError',
  'TamperedCodeError',
  'NewerCodeError',
  'OwnCodeError',
  'StorageFullError',
] satisfies CodeProblem[]

/** A code from whatever source: read, looked at, and added when the person says so. */
export class CodeView {
  state = $state.raw<'empty' | 'reading' | 'shown' | 'adding'>('empty')
  preview = $state.raw<CodePreview | null>(null)
  problem = $state.raw<CodeProblem | null>(null)

  readonly #contacts: Pick<ContactsApi, 'preview' | 'add'>
  #code = ''
  #abandon = new AbortController()

  constructor(contacts: Pick<ContactsApi, 'preview' | 'add'>) {
    this.#contacts = contacts
  }

  /** Shows what a code says. A later one replaces it. */
  async read(code: string): Promise<void> {
    this.clear()
    const { signal } = this.#abandon
    this.#code = code
    this.state = 'reading'
    try {
      const preview = await this.#contacts.preview(code, { signal })
      if (signal.aborted) return
      this.preview = preview
      this.state = 'shown'
    } catch (error) {
      if (signal.aborted) return
      this.problem = problemOf(error)
      this.state = 'empty'
    }
  }

  /**
   * Adds the person shown. Resolves with their id, or null when that failed, which `problem` says, or when it is not what is
   * looked at any more.
   */
  async add(): Promise<PeerIdString | null> {
    if (this.state !== 'shown') return null
    const { signal } = this.#abandon
    this.state = 'adding'
    this.problem = null
    try {
      const peer = await this.#contacts.add(this.#code)
      return signal.aborted ? null : peer
    } catch (error) {
      if (!signal.aborted) this.problem = problemOf(error)
      return null
    } finally {
      if (!signal.aborted) this.state = 'shown'
    }
  }

  clear(): void {
    this.#abandon.abort()
    this.#abandon = new AbortController()
    this.#code = ''
    this.preview = null
    this.problem = null
    this.state = 'empty'
  }
}

function problemOf(error: unknown): CodeProblem {
  const name = error instanceof Error ? error.name : ''
  return PROBLEMS.includes(name) ? (name as CodeProblem) : 'Other'
}
