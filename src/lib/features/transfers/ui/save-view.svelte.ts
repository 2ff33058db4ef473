import { beginSaving, type Saving } from '../../../ui/save-file.ts'
import type { TransferId, TransfersApi } from '../api.ts'

/** A file, or all of them when null. */
type What = number | null

/** `ready` waits for the press that keeps it, where one is needed. */
type State =
  | { type: 'idle' }
  | { type: 'failed'; file: What }
  | { type: 'writing'; file: What; bytes: number }
  | { type: 'ready'; file: What; saving: Saving }

/** Writes what is here to a place of the person's own. */
export class SaveView {
  readonly #api: Pick<TransfersApi, 'read'>
  readonly #begin: typeof beginSaving
  #state = $state.raw<State>({ type: 'idle' })
  #left = new AbortController()

  constructor(api: Pick<TransfersApi, 'read'>, begin = beginSaving) {
    this.#api = api
    this.#begin = begin
  }

  get state(): State {
    return this.#state
  }

  /** Begins and, where no other press is needed, ends it: true once it is saved. To be called by a press. */
  async save(id: TransferId, file: What, name: string): Promise<boolean> {
    this.reset()
    const { signal } = this.#left
    let saving: Saving | null = null
    try {
      saving = await this.#begin(name)
      if (saving === null) return false
      signal.throwIfAborted()
      let bytes = 0
      this.#state = { type: 'writing', file, bytes }
      for await (const piece of this.#api.read(id, file, { signal })) {
        await saving.write(piece)
        signal.throwIfAborted()
        bytes += piece.byteLength
        this.#state = { type: 'writing', file, bytes }
      }
      signal.throwIfAborted()
    } catch {
      await saving?.drop()
      if (!signal.aborted) this.#state = { type: 'failed', file }
      return false
    }
    this.#state = { type: 'ready', file, saving }
    return saving.byPress ? false : this.keep()
  }

  /** True once it is saved; false when the person did not want it after all, or it failed. */
  async keep(): Promise<boolean> {
    if (this.#state.type !== 'ready') return false
    const { file, saving } = this.#state
    try {
      if (!(await saving.keep())) return false
      this.#state = { type: 'idle' }
      return true
    } catch {
      this.#state = { type: 'failed', file }
      return false
    }
  }

  /** Gives up what is under way. */
  reset(): void {
    this.#left.abort()
    this.#left = new AbortController()
    this.#state = { type: 'idle' }
  }
}
