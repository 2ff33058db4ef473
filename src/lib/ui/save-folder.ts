import { isAbort } from './saving.ts'

/** The part of the File System Access API that is not in the DOM's types yet. */
interface FolderPicking {
  showDirectoryPicker(options: { mode: 'readwrite' }): Promise<FileSystemDirectoryHandle>
}

/** Files that are written below a folder, one after the other. */
export interface FolderSaving {
  /** Begins the file of this path, with `/` between folders. It is there once it is closed. */
  file(path: string): Promise<FileSystemWritableFileStream>
  /** Nothing of it stays. */
  drop(): Promise<void>
}

/** Whether the browser lets a page write into folders. */
export function canSaveFolders(): boolean {
  return 'showDirectoryPicker' in window
}

/** Lets the person choose a folder; null when they chose none. By a press of theirs. */
export async function beginSavingFolder(): Promise<FolderSaving | null> {
  try {
    const picking = window as unknown as FolderPicking
    return new ChosenFolder(await picking.showDirectoryPicker({ mode: 'readwrite' }))
  } catch (error) {
    if (isAbort(error)) return null
    throw error
  }
}

/** Writes over nothing: a file or folder whose name is taken there gets another, as `holiday (2)`. */
class ChosenFolder implements FolderSaving {
  readonly #folder: FileSystemDirectoryHandle
  /** What lies right in the folder, and what it is called there. */
  readonly #names = new Map<string, string>()

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder
  }

  async file(path: string): Promise<FileSystemWritableFileStream> {
    const [first = '', ...rest] = path.split('/')
    const name = this.#names.get(first) ?? (await this.#freeName(first))
    this.#names.set(first, name)
    const names = [name, ...rest]
    let folder = this.#folder
    for (const each of names.slice(0, -1)) {
      folder = await folder.getDirectoryHandle(each, { create: true })
    }
    const file = await folder.getFileHandle(names.at(-1)!, { create: true })
    return file.createWritable()
  }

  async drop(): Promise<void> {
    for (const name of this.#names.values()) {
      await this.#folder.removeEntry(name, { recursive: true }).catch(() => undefined)
    }
  }

  async #freeName(wanted: string): Promise<string> {
    const dot = wanted.lastIndexOf('.')
    const end = dot > 0 ? dot : wanted.length
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? wanted : `${wanted.slice(0, end)} (${number})${wanted.slice(end)}`
      if (!(await this.#isTaken(name))) return name
    }
  }

  async #isTaken(name: string): Promise<boolean> {
    try {
      await this.#folder.getFileHandle(name)
      return true
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      if (error.name === 'NotFoundError') return false
      // A folder has it.
      if (error.name === 'TypeMismatchError') return true
      throw error
    }
  }
}
