import type { TransferId, TransfersApi } from '../api.ts'

/** Names of what can be wrong with a link or stand in its way. */
export type GetProblem = 'MalformedLinkError' | 'WrongPasswordError' | 'StorageFullError' | 'Other'

const PROBLEMS: readonly string[] = [
  'MalformedLinkError',
  'WrongPasswordError',
  'StorageFullError',
] satisfies GetProblem[]

/** A link somebody passed on: opened, with its password where it has one. */
export class GetView {
  busy = $state.raw(false)
  /** It opens only with a password. */
  asksPassword = $state.raw(false)
  problem = $state.raw<GetProblem | null>(null)

  readonly #api: Pick<TransfersApi, 'get'>
  #abandon = new AbortController()

  constructor(api: Pick<TransfersApi, 'get'>) {
    this.#api = api
  }

  /** Resolves with the transfer; null when there is none yet, or when another link is looked at by now. */
  async get(link: string, password: string | null): Promise<TransferId | null> {
    this.#abandon.abort()
    this.#abandon = new AbortController()
    const { signal } = this.#abandon
    this.busy = true
    this.problem = null
    try {
      const id = await this.#api.get(link, password, { signal })
      return signal.aborted ? null : id
    } catch (error) {
      if (signal.aborted) return null
      const name = error instanceof Error ? error.name : ''
      if (name === 'PasswordNeededError') this.asksPassword = true
      else this.problem = PROBLEMS.includes(name) ? (name as GetProblem) : 'Other'
      return null
    } finally {
      if (!signal.aborted) this.busy = false
    }
  }

  clear(): void {
    this.#abandon.abort()
    this.busy = false
    this.asksPassword = false
    this.problem = null
  }
}
