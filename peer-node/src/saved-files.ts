import { randomUUID } from 'node:crypto'
import { lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isPath } from '#lib/content/paths.ts'
import { InvalidDataError, StarlingError, StorageFullError } from '#lib/protocol/errors.ts'
import { AlreadyThereError, UnwritableFolderError } from './errors.ts'

/** A file to be written, or a folder to be made, and where below the folder. Whoever made it chose the path. */
export interface SavedFile {
  path: string
  /** Null: it is a folder. */
  read: (() => AsyncIterable<Uint8Array>) | null
}

export interface SaveInit {
  /** Made when it is not there. */
  folder: string
  /** What is there under the same names goes. */
  replace: boolean
}

/**
 * Writes files below a folder, nowhere else, each at once and whole. Unless told to replace, it begins only when none of
 * the names is taken, and never writes over a file.
 * @throws AlreadyThereError, UnwritableFolderError, StorageFullError, InvalidDataError for what is no path
 */
export async function saveFiles(
  files: readonly SavedFile[],
  { folder, replace }: SaveInit,
): Promise<void> {
  if (!files.every(({ path }) => isPath(path))) throw new InvalidDataError('no path')
  try {
    await mkdir(folder, { recursive: true })
    const root = await realpath(folder)
    for (const each of replace ? [] : files) await requireFree(root, each)
    for (const { path, read } of files) {
      if (read === null) {
        await makeFolders(root, path)
        continue
      }
      await makeFolders(root, dirname(path))
      await write(join(root, path), read(), replace)
    }
  } catch (cause) {
    if (cause instanceof StarlingError) throw cause
    if (!(cause instanceof Error && 'code' in cause)) throw cause
    if (cause.code === 'ENOSPC') throw new StorageFullError('the disk is full', { cause })
    if (cause.code === 'EEXIST') throw new AlreadyThereError(cause.message, { cause })
    throw new UnwritableFolderError(cause.message, { cause })
  }
}

/** A link under the name counts as well: it is not followed. A folder may be there already. */
async function requireFree(root: string, { path, read }: SavedFile): Promise<void> {
  const place = join(root, path)
  try {
    const there = await lstat(place)
    if (read === null && there.isDirectory()) return
  } catch (error) {
    // A file where a folder should be is met when the folder is made.
    const free = ['ENOENT', 'ENOTDIR']
    if (error instanceof Error && 'code' in error && free.includes(String(error.code))) return
    throw error
  }
  throw new AlreadyThereError(`${place} is there already`)
}

/** One by one, and none of them a link: that could lead out of the folder. */
async function makeFolders(root: string, path: string): Promise<void> {
  let place = root
  for (const name of path === '.' ? [] : path.split('/')) {
    place = join(place, name)
    // Once more for one that is there does nothing.
    await mkdir(place, { recursive: true })
    if (!(await lstat(place)).isDirectory()) {
      throw new UnwritableFolderError(`${place} is no folder`)
    }
  }
}

/** Under another name until it is whole. */
async function write(
  place: string,
  bytes: AsyncIterable<Uint8Array>,
  replace: boolean,
): Promise<void> {
  const partly = join(dirname(place), `.${randomUUID()}.part`)
  // Whoever takes a name first has it.
  if (!replace) await (await open(place, 'wx')).close()
  try {
    const file = await open(partly, 'wx')
    try {
      await file.writeFile(bytes)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(partly, place)
  } catch (error) {
    await rm(partly, { force: true })
    if (!replace) await rm(place, { force: true })
    throw error
  }
}
