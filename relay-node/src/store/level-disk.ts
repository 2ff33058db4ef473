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

  async recover(): Promise<void> {
    const probe = join(this.#folder, 'probe')
    try {
      await writeFile(probe, new Uint8Array(PROBE_BYTES))
    } finally {
      await rm(probe, { force: true })
    }
    await this.close()
    await this.open()
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
    throw new DataFolderError(
      /lock/i.test(String(cause))
        ? `another relay uses the data folder ${folder}: give this one its own with --data`
        : `the data folder ${folder} cannot be used: ${String(cause)}`,
      { cause },
    )
  }
  return disk
}
