import { FOLDER_TYPE, isFolder, type ChosenFile } from '../api.ts'

/** As many files and empty folders as one link is made for: more would be looked through for minutes. */
export const MAX_FILES = 10_000

/** Folders within folders; what is deeper leads in a circle. */
const MAX_DEPTH = 64

/** More files, or deeper folders, than can be shared. */
export class TooManyFilesError extends Error {
  override readonly name = 'TooManyFilesError'
}

/** What an input, a drop or the clipboard gives without a walk through folders. */
export function chosenFrom(files: Iterable<File>): ChosenFile[] {
  const chosen = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }))
  if (chosen.length > MAX_FILES) throw new TooManyFilesError()
  return withOwnPaths(chosen)
}

/** A file or folder that is looked into. */
type Found =
  { name: string; file: () => Promise<File> } | { name: string; inside: () => AsyncIterable<Found> }

/** All in what was dropped, folders included. @throws TooManyFilesError, DOMException where one cannot be read */
export function filesIn(
  entries: readonly FileSystemEntry[],
  max = MAX_FILES,
): Promise<ChosenFile[]> {
  return allIn(entries.flatMap(fromEntry), max)
}

/** All in a folder that was chosen, and its name. @throws as `filesIn` */
export function filesUnder(folder: FileSystemDirectoryHandle): Promise<ChosenFile[]> {
  return allIn([fromHandle(folder)], MAX_FILES)
}

async function allIn(roots: readonly Found[], max: number): Promise<ChosenFile[]> {
  const chosen: ChosenFile[] = []
  const add = (each: ChosenFile): void => {
    if (chosen.push(each) > max) throw new TooManyFilesError()
  }
  const walk = async (found: Found, above: string, depth: number): Promise<void> => {
    const path = above + found.name
    if ('file' in found) {
      add({ path, file: await found.file() })
      return
    }
    if (depth >= MAX_DEPTH) throw new TooManyFilesError()
    let empty = true
    for await (const inside of found.inside()) {
      empty = false
      await walk(inside, `${path}/`, depth + 1)
    }
    if (empty) add({ path, file: new Blob([], { type: FOLDER_TYPE }) })
  }
  for (const root of roots) await walk(root, '', 0)
  return withOwnPaths(chosen)
}

/** How many of them are files, and how many empty folders. */
export function countOf(chosen: readonly ChosenFile[]): { files: number; folders: number } {
  const folders = chosen.filter(({ file }) =>
    isFolder({ mediaType: file.type, bytes: file.size }),
  ).length
  return { files: chosen.length - folders, folders }
}

/** Of all of them. */
export function bytesOf(chosen: readonly ChosenFile[]): number {
  return chosen.reduce((sum, { file }) => sum + file.size, 0)
}

/** Files of one name, such as pictures from the clipboard, are told apart: `image.png`, `image (2).png`. */
export function withOwnPaths(chosen: readonly ChosenFile[]): ChosenFile[] {
  const taken = new Set<string>()
  return chosen.map(({ path, file }) => {
    let own = path
    for (let count = 2; taken.has(own); count += 1) {
      own = path.replace(/(\.[^./]+)?$/u, (ending) => ` (${count})${ending}`)
    }
    taken.add(own)
    return { path: own, file }
  })
}

/** As a drop has it. */
function fromEntry(entry: FileSystemEntry): Found[] {
  const { name } = entry
  if (isFileEntry(entry)) {
    const file = () =>
      new Promise<File>((resolve, reject) => {
        entry.file(resolve, reject)
      })
    return [{ name, file }]
  }
  return isFolderEntry(entry) ? [{ name, inside: () => inEntry(entry) }] : []
}

/** A browser gives what is in a folder in pieces, the last one empty. */
async function* inEntry(folder: FileSystemDirectoryEntry): AsyncGenerator<Found> {
  const reader = folder.createReader()
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject)
    })
    if (piece.length === 0) return
    yield* piece.flatMap(fromEntry)
  }
}

/** As a window has it in which a folder is chosen. */
function fromHandle(handle: FileSystemFileHandle | FileSystemDirectoryHandle): Found {
  const { name } = handle
  return handle.kind === 'file'
    ? { name, file: () => handle.getFile() }
    : { name, inside: () => inHandle(handle) }
}

async function* inHandle(folder: FileSystemDirectoryHandle): AsyncGenerator<Found> {
  for await (const inside of folder.values()) yield fromHandle(inside)
}

function isFileEntry(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function isFolderEntry(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory
}
