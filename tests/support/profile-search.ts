import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readLog, readTable } from './level-db.ts'

/** Everything in the files of a browser's profile, opened as far as a forensic tool would. */
export interface ProfileContents {
  /** Files in which this text is, however it is spelled in bytes. */
  filesWith(text: string): string[]
  filesWithBytes(bytes: Uint8Array): string[]
  /** Blocks of LevelDB that were compressed and could be read. */
  compressedBlocks: number
}

/** A browser that runs may write meanwhile: what goes while this reads is not there. */
export function openProfile(folder: string): ProfileContents {
  const pieces: { file: string; bytes: Buffer }[] = []
  let compressedBlocks = 0
  for (const file of filesIn(folder)) {
    const bytes = unlessGone(() => readFileSync(file))
    if (bytes === null) continue
    pieces.push({ file, bytes })
    if (!isOfLevelDb(file)) continue
    if (file.endsWith('.log')) {
      for (const record of readLog(bytes)) pieces.push({ file, bytes: record })
    } else if (file.endsWith('.ldb')) {
      const { entries, compressed } = readTable(bytes)
      compressedBlocks += compressed
      for (const each of entries) pieces.push({ file, bytes: each })
    }
  }
  const filesWithAny = (spellings: Buffer[]): string[] => {
    const found = pieces.filter(({ bytes }) => spellings.some((each) => bytes.includes(each)))
    return [...new Set(found.map(({ file }) => file.slice(folder.length)))]
  }
  return {
    compressedBlocks,
    filesWith: (text) => filesWithAny(spellings(text)),
    filesWithBytes: (bytes) => filesWithAny([Buffer.from(bytes)]),
  }
}

/** IndexedDB's, and those of notifications, of service workers and of sessions (LevelDB, doc/impl.md: `CURRENT`). */
function isOfLevelDb(file: string): boolean {
  return existsSync(join(dirname(file), 'CURRENT'))
}

function* filesIn(folder: string): Generator<string> {
  for (const entry of unlessGone(() => readdirSync(folder, { withFileTypes: true })) ?? []) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else if (entry.isFile()) yield path
  }
}

/** Null when there is no such file or folder any more. */
function unlessGone<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** A text as browsers write it: UTF-8, UTF-16 of either order, and Latin-1 where that has its letters. */
function spellings(text: string): Buffer[] {
  const utf16 = Buffer.from(text, 'utf16le')
  const latin1 = Buffer.from(text, 'latin1')
  return [
    Buffer.from(text),
    utf16,
    Buffer.from(utf16).swap16(),
    ...(latin1.toString('latin1') === text ? [latin1] : []),
  ]
}
