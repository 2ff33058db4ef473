import { pickFolder } from './pick-folder.ts'

/** Files and folders that are made below a folder, one after the other. */
export interface FolderSaving {
  /** Begins the file of this path, with `/` between folders. It is there once it is closed. */
  file(path: string): Promise<FileSystemWritableFileStream>
  /** Makes the folder of this path. */
  folder(path: string): Promise<void>
  /** Nothing of it stays. */
  drop(): Promise<void>
}

/** Lets the person choose a folder; null when they chose none. By a press of theirs. */
export async function beginSavingFolder(): Promise<FolderSaving | null> {
  const folder = await pickFolder('readwrite')
  return folder && new ChosenFolder(folder)
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
    const names = await this.#namesOf(path)
    const folder = await this.#folderOf(names.slice(0, -1))
    // Some systems take `A.txt` and `a.txt` for one name: what was written a moment ago has it then.
    const name = await freeName(folder, names.at(-1)!)
    const file = await folder.getFileHandle(name, { create: true })
    return file.createWritable()
  }

  async folder(path: string): Promise<void> {
    await this.#folderOf(await this.#namesOf(path))
  }

  async drop(): Promise<void> {
    for (const name of this.#names.values()) {
      await this.#folder.removeEntry(name, { recursive: true }).catch(() => undefined)
    }
  }

  async #namesOf(path: string): Promise<string[]> {
    const [first = '', ...rest] = path.split('/')
    const name = this.#names.get(first) ?? (await freeName(this.#folder, first))
    this.#names.set(first, name)
    return [name, ...rest]
  }

  async #folderOf(names: readonly string[]): Promise<FileSystemDirectoryHandle> {
    let folder = this.#folder
    for (const each of names) folder = await folder.getDirectoryHandle(each, { create: true })
    return folder
  }
}

async function freeName(folder: FileSystemDirectoryHandle, wanted: string): Promise<string> {
  const dot = wanted.lastIndexOf('.')
  const end = dot > 0 ? dot : wanted.length
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted.slice(0, end)} (${number})${wanted.slice(end)}`
    if (!(await isTaken(folder, name))) return name
  }
}

async function isTaken(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await folder.getFileHandle(name)
    return true
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    if (error.name === 'NotFoundError') return false
    // A folder has it.
    if (error.name === 'TypeMismatchError') return true
    throw error
  }
}
