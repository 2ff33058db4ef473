import { beginSaving, type Saving } from '../../../ui/save-file.ts'
import type { BackupApi, BackupKey } from '../api.ts'

/** A backup under way: `ready` waits for the press that keeps it, where one is needed. */
type State =
  | { type: 'idle' | 'saved' | 'failed' }
  | { type: 'writing'; bytes: number }
  | { type: 'ready'; saving: Saving; bytes: number }

/** Writes a backup to a file. */
export class BackupView {
  readonly #api: BackupApi
  #state = $state.raw<State>({ type: 'idle' })
  #left = new AbortController()

  constructor(api: BackupApi) {
    this.#api = api
  }

  get state(): State {
    return this.#state
  }

  /** Begins and, where no other press is needed, ends it. To be called by a press. */
  async write(key: BackupKey, name: string): Promise<void> {
    this.reset()
    const { signal } = this.#left
    let saving: Saving | null = null
    try {
      saving = await beginSaving(name)
      if (saving === null || signal.aborted) return
      let bytes = 0
      this.#state = { type: 'writing', bytes }
      for await (const piece of this.#api.write(key, { signal })) {
        await saving.write(piece)
        bytes += piece.byteLength
        this.#state = { type: 'writing', bytes }
      }
      this.#state = { type: 'ready', saving, bytes }
      if (!saving.byPress) await this.keep()
    } catch {
      await saving?.drop()
      if (!signal.aborted) this.#state = { type: 'failed' }
    }
  }

  async keep(): Promise<void> {
    if (this.#state.type !== 'ready') return
    const { saving, bytes } = this.#state
    try {
      if (!(await saving.keep())) return
      await this.#api.written(bytes)
      this.#state = { type: 'saved' }
    } catch {
      this.#state = { type: 'failed' }
    }
  }

  /** Gives up what is under way. */
  reset(): void {
    this.#left.abort()
    this.#left = new AbortController()
    this.#state = { type: 'idle' }
  }
}
