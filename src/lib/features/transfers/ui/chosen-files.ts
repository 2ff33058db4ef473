import type { ChosenFile } from '../api.ts'

/** As many files as one link is made for: more would be looked through for minutes. */
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

/** All files in what was dropped, folders included. @throws TooManyFilesError, DOMException where one cannot be read */
export async function filesIn(
  entries: readonly FileSystemEntry[],
  max = MAX_FILES,
): Promise<ChosenFile[]> {
  const found: ChosenFile[] = []
  const walk = async (entry: FileSystemEntry, folder: string, depth: number): Promise<void> => {
    const path = folder + entry.name
    if (isFile(entry)) {
      if (found.length >= max) throw new TooManyFilesError()
      const file = await new Promise<File>((resolve, reject) => {
        entry.file(resolve, reject)
      })
      found.push({ path, file })
      return
    }
    if (!isFolder(entry)) return
    if (depth >= MAX_DEPTH) throw new TooManyFilesError()
    for await (const inside of inFolder(entry)) await walk(inside, `${path}/`, depth + 1)
  }
  for (const entry of entries) await walk(entry, '', 0)
  return withOwnPaths(found)
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

/** A browser gives what is in a folder in pieces, the last one empty. */
async function* inFolder(folder: FileSystemDirectoryEntry): AsyncGenerator<FileSystemEntry> {
  const reader = folder.createReader()
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject)
    })
    if (piece.length === 0) return
    yield* piece
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory
}
