import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLog, readTable } from './level-db.ts'

/** Everything in the files of a browser's profile, opened as far as a forensic tool would. */
export interface ProfileContents {
  /** Files in which this text is, however it is spelled in bytes. */
  filesWith(text: string): string[]
  filesWithBytes(bytes: Uint8Array): string[]
  /** Blocks of LevelDB that were compressed and could be read. */
  compressedBlocks: number
}

export function openProfile(folder: string): ProfileContents {
  const pieces: { file: string; bytes: Buffer }[] = []
  let compressedBlocks = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const bytes = readFileSync(file)
    pieces.push({ file, bytes })
    if (!entry.parentPath.includes('leveldb')) continue
    if (entry.name.endsWith('.log')) {
      for (const record of readLog(bytes)) pieces.push({ file, bytes: record })
    } else if (entry.name.endsWith('.ldb')) {
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
