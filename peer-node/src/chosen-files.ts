import { openAsBlob } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { MAX_FILES } from '#lib/content/about.ts'
import { FOLDER_TYPE, type ChosenFile } from '#lib/features/transfers/api.ts'
import { LimitExceededError } from '#lib/protocol/errors.ts'
import { UnreadablePathError } from './errors.ts'
import { mediaTypeOf } from './media-type.ts'

/** A file or an empty folder of this machine. */
interface Found {
  /** As it is shared. */
  path: string
  place: string
  folder: boolean
}

/**
 * Files of this machine and all that lie in folders, in the order of their names. They are read when they are needed, a
 * piece at a time. Links in folders, and what is neither file nor folder, are left out; a folder without anything else is
 * an empty one.
 * @throws UnreadablePathError, LimitExceededError for more than `MAX_FILES`
 */
export async function chosenFiles(paths: readonly string[]): Promise<ChosenFile[]> {
  const found: Found[] = []
  for (const path of paths) {
    for await (const each of filesAt(resolve(path))) {
      if (found.push(each) > MAX_FILES) throw new LimitExceededError(`at most ${MAX_FILES} files`)
    }
  }
  return Promise.all(
    found.map(async ({ path, place, folder }) => ({
      path,
      file: folder ? new Blob([], { type: FOLDER_TYPE }) : await open(place),
    })),
  )
}

async function* filesAt(place: string): AsyncIterable<Found> {
  const name = basename(place)
  try {
    if (!(await stat(place)).isDirectory()) {
      yield { path: name, place, folder: false }
      return
    }
    const files: string[] = []
    const folders = new Set([place])
    const full = new Set<string>()
    for await (const entry of await opendir(place, { recursive: true })) {
      if (!entry.isFile() && !entry.isDirectory()) continue
      const at = join(entry.parentPath, entry.name)
      full.add(entry.parentPath)
      if (entry.isFile()) files.push(at)
      else folders.add(at)
      if (files.length > MAX_FILES) throw new LimitExceededError(`at most ${MAX_FILES} files`)
    }
    const empty = folders.difference(full)
    for (const each of [...files, ...empty].sort()) {
      const path = [name, ...relative(place, each).split(sep)].filter((part) => part !== '')
      yield { path: path.join('/'), place: each, folder: empty.has(each) }
    }
  } catch (error) {
    throw unreadable(error, place)
  }
}

async function open(place: string): Promise<Blob> {
  try {
    return await openAsBlob(place, { type: mediaTypeOf(place) })
  } catch (error) {
    throw unreadable(error, place)
  }
}

function unreadable(error: unknown, place: string): unknown {
  const fromDisk = error instanceof Error && 'code' in error
  return fromDisk ? new UnreadablePathError(`${place} cannot be read`, { cause: error }) : error
}
