import { beginSaving } from '../../../ui/save-file.ts'
import { beginSavingFolder } from '../../../ui/save-folder.ts'
import { isAbort, type Saving } from '../../../ui/saving.ts'
import { isFolder, type TransferFile, type TransferId, type TransfersApi } from '../api.ts'

/** Why something could not be saved, as far as that changes what the person can do. */
export type SaveProblem = 'no-room' | 'not-allowed' | 'cut-off' | 'lost' | 'other'

/** `ready` waits for the press that keeps it, where one is needed. */
type State =
  | { type: 'idle' }
  | { type: 'failed'; problem: SaveProblem }
  | { type: 'writing'; bytes: number }
  | { type: 'ready'; saving: Saving }

/** Writes what is here to a place of the person's own. */
export class SaveView {
  readonly #api: Pick<TransfersApi, 'read'>
  readonly #begin: typeof beginSaving
  readonly #beginFolder: typeof beginSavingFolder
  #state = $state.raw<State>({ type: 'idle' })
  #left = new AbortController()

  constructor(
    api: Pick<TransfersApi, 'read'>,
    begin = beginSaving,
    beginFolder = beginSavingFolder,
  ) {
    this.#api = api
    this.#begin = begin
    this.#beginFolder = beginFolder
  }

  get state(): State {
    return this.#state
  }

  /**
   * Begins and, where no other press is needed, ends it: true once it is saved. To be called by a press.
   * @param file null: all of them in a ZIP archive
   * @param size in bytes; null where it is not known
   */
  async save(
    id: TransferId,
    file: number | null,
    name: string,
    size: number | null = null,
  ): Promise<boolean> {
    const saving = await this.#write(
      () => this.#begin(name, size),
      async (place, signal) => {
        await this.#copy(id, file, place, signal)
      },
    )
    if (saving === null) return false
    this.#state = { type: 'ready', saving }
    return saving.byPress ? false : this.keep()
  }

  /** Writes all files with their folders into a folder the person chooses: true once all are there. By a press. */
  async saveFolder(id: TransferId, files: readonly TransferFile[]): Promise<boolean> {
    const saved = await this.#write(this.#beginFolder, async (folder, signal) => {
      for (const [index, entry] of files.entries()) {
        if (isFolder(entry)) {
          await folder.folder(entry.path)
          signal.throwIfAborted()
          continue
        }
        const file = await folder.file(entry.path)
        try {
          await this.#copy(id, index, file, signal)
        } catch (error) {
          await file.abort()
          throw error
        }
        await file.close()
      }
    })
    if (saved === null) return false
    this.#state = { type: 'idle' }
    return true
  }

  /** Null when the person did not want it after all, or it failed: then nothing of it stays. */
  async #write<Place extends { drop(): Promise<void> }>(
    begin: () => Promise<Place | null>,
    write: (place: Place, signal: AbortSignal) => Promise<void>,
  ): Promise<Place | null> {
    this.reset()
    const { signal } = this.#left
    let place: Place | null = null
    try {
      place = await begin()
      if (place === null) return null
      signal.throwIfAborted()
      this.#state = { type: 'writing', bytes: 0 }
      await write(place, signal)
      signal.throwIfAborted()
      return place
    } catch (error) {
      await place?.drop().catch(() => undefined)
      if (!signal.aborted) this.#failed(error)
      return null
    }
  }

  /** How much of it all is written goes on from the file before. */
  async #copy(
    id: TransferId,
    file: number | null,
    place: { write(piece: Uint8Array<ArrayBuffer>): Promise<void> },
    signal: AbortSignal,
  ): Promise<void> {
    for await (const piece of this.#api.read(id, file, { signal })) {
      await place.write(piece)
      signal.throwIfAborted()
      const before = this.#state.type === 'writing' ? this.#state.bytes : 0
      this.#state = { type: 'writing', bytes: before + piece.byteLength }
    }
  }

  /** True once it is saved; false when the person did not want it after all, or it failed. */
  async keep(): Promise<boolean> {
    if (this.#state.type !== 'ready') return false
    const { saving } = this.#state
    try {
      if (!(await saving.keep())) return false
      this.#state = { type: 'idle' }
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  /** Gives up what is under way. */
  reset(): void {
    this.#left.abort()
    this.#left = new AbortController()
    this.#state = { type: 'idle' }
  }

  #failed(error: unknown): void {
    // Ended in the browser's own list of downloads.
    this.#state = isAbort(error) ? { type: 'idle' } : { type: 'failed', problem: problemOf(error) }
  }
}

function problemOf(error: unknown): SaveProblem {
  switch (error instanceof Error ? error.name : null) {
    case 'NotCompleteError':
      return 'lost'
    case 'QuotaExceededError':
      return 'no-room'
    case 'NotAllowedError':
    case 'NoModificationAllowedError':
    case 'SecurityError':
      return 'not-allowed'
    case 'NetworkError':
      return 'cut-off'
    default:
      return 'other'
  }
}
