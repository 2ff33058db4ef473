import { openAsBlob } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { MAX_FILES } from '#lib/content/about.ts'
import type { ChosenFile } from '#lib/features/transfers/api.ts'
import { LimitExceededError } from '#lib/protocol/errors.ts'
import { UnreadablePathError } from './errors.ts'

/**
 * Files of this machine and all that lie in folders, in the order of their names. They are read when they are needed, a
 * piece at a time. Links in folders, and what is no file, are left out.
 * @throws UnreadablePathError, LimitExceededError for more than `MAX_FILES`
 */
export async function chosenFiles(paths: readonly string[]): Promise<ChosenFile[]> {
  const found: { path: string; place: string }[] = []
  for (const path of paths) {
    for await (const each of filesAt(resolve(path))) {
      if (found.push(each) > MAX_FILES) throw new LimitExceededError(`at most ${MAX_FILES} files`)
    }
  }
  return Promise.all(found.map(async ({ path, place }) => ({ path, file: await open(place) })))
}

async function* filesAt(place: string): AsyncIterable<{ path: string; place: string }> {
  const name = basename(place)
  try {
    if (!(await stat(place)).isDirectory()) {
      yield { path: name, place }
      return
    }
    const inside: string[] = []
    for await (const entry of await opendir(place, { recursive: true })) {
      if (entry.isFile()) inside.push(join(entry.parentPath, entry.name))
      if (inside.length > MAX_FILES) throw new LimitExceededError(`at most ${MAX_FILES} files`)
    }
    for (const each of inside.sort()) {
      yield { path: [name, ...relative(place, each).split(sep)].join('/'), place: each }
    }
  } catch (error) {
    throw unreadable(error, place)
  }
}

async function open(place: string): Promise<Blob> {
  try {
    return await openAsBlob(place)
  } catch (error) {
    throw unreadable(error, place)
  }
}

function unreadable(error: unknown, place: string): unknown {
  const fromDisk = error instanceof Error && 'code' in error
  return fromDisk ? new UnreadablePathError(`${place} cannot be read`, { cause: error }) : error
}
