import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelDatastore } from 'datastore-level'
import { DataFolderError } from '../errors.ts'
import type { Disk } from './resilient-datastore.ts'

/** Bytes tried on the disk before LevelDB is closed and opened again: its new log and manifest need as many. */
const PROBE_BYTES = 256 * 1_024

/** The LevelDB of the data folder. */
export class LevelDisk extends LevelDatastore implements Disk {
  readonly #folder: string

  constructor(folder: string) {
    super(join(folder, 'db'))
    this.#folder = folder
  }

  /** As LevelDatastore does it, but with the cause kept. */
  override async open(): Promise<void> {
    await this.db.open({ createIfMissing: true, compression: false })
  }

  async recover(): Promise<void> {
    await probe(this.#folder)
    await this.close()
    await this.open()
  }
}

/** Rejects while the disk of this folder takes nothing. */
export async function probe(folder: string): Promise<void> {
  const file = join(folder, 'probe')
  try {
    await writeFile(file, new Uint8Array(PROBE_BYTES))
  } finally {
    await rm(file, { force: true })
  }
}

/** Opens the data folder, and makes it when there is none. @throws DataFolderError */
export async function openDataFolder(folder: string): Promise<LevelDisk> {
  const disk = new LevelDisk(folder)
  try {
    // Keys live here: nobody else on the machine reads it.
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await disk.open()
  } catch (cause) {
    throw dataFolderError(folder, cause)
  }
  return disk
}

/** What to say when a database in the data folder does not open. */
export function dataFolderError(folder: string, cause: unknown): DataFolderError {
  return new DataFolderError(
    isLocked(cause)
      ? `another relay uses the data folder ${folder}: give this one its own with --data`
      : `the data folder ${folder} cannot be used: ${reasonOf(cause)}`,
    { cause },
  )
}

/** Whether LevelDB says that another process holds the database. */
function isLocked(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (error as { code?: unknown }).code === 'LEVEL_LOCKED' || isLocked(error.cause)
}

/** The innermost text: what the system said. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : reasonOf(error.cause)
}
