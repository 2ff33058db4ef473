import type { ChosenFile, ShareChoices, TransferId, TransfersApi } from '../api.ts'
import { chosenFrom, filesIn, filesUnder } from './chosen-files.ts'
import { shareProblem, type ShareProblem } from './share-choices.ts'

/** Files on their way to a link: chosen, looked at, and shared when the person says so. */
export class ShareView {
  /** What is to be shared; null while nothing is chosen. */
  chosen = $state.raw<readonly ChosenFile[] | null>(null)
  /** Folders are looked through. */
  collecting = $state.raw(false)
  sharing = $state.raw(false)
  /** What went wrong last. */
  problem = $state.raw<ShareProblem | null>(null)

  readonly #api: Pick<TransfersApi, 'share'>
  /** Counts what was chosen, so that a slow folder does not replace what was chosen after it. */
  #turn = 0

  constructor(api: Pick<TransfersApi, 'share'>) {
    this.#api = api
  }

  /** Files as an input or the clipboard gives them. */
  take(files: Iterable<File>): Promise<void> {
    return this.#choose(() => Promise.resolve(chosenFrom(files)))
  }

  /** What was dropped. */
  takeEntries(entries: readonly FileSystemEntry[]): Promise<void> {
    return this.#choose(() => filesIn(entries))
  }

  /** A folder that was chosen. */
  takeFolder(folder: FileSystemDirectoryHandle): Promise<void> {
    return this.#choose(() => filesUnder(folder))
  }

  /** Resolves with the new transfer; null when that failed, which `problem` says. */
  async share(choices: ShareChoices): Promise<TransferId | null> {
    if (this.chosen === null || this.sharing) return null
    this.sharing = true
    this.problem = null
    try {
      const id = await this.#api.share([...this.chosen], choices)
      this.chosen = null
      return id
    } catch (error) {
      this.problem = shareProblem(error)
      return null
    } finally {
      this.sharing = false
    }
  }

  clear(): void {
    this.#turn += 1
    this.chosen = null
    this.collecting = false
    this.problem = null
  }

  async #choose(collect: () => Promise<ChosenFile[]>): Promise<void> {
    // What is on its way out is not changed any more.
    if (this.sharing) return
    this.#turn += 1
    const turn = this.#turn
    this.problem = null
    this.collecting = true
    try {
      const chosen = await collect()
      if (turn !== this.#turn) return
      this.chosen = chosen
    } catch (error) {
      if (turn !== this.#turn) return
      this.chosen = []
      this.problem = shareProblem(error)
    }
    this.collecting = false
  }
}
