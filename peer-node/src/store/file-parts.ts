import { constants } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { numberOf, type Part } from '#lib/content/parts.ts'
import type { PartCipher } from '#lib/content/store/part-cipher.ts'
import type { PartStore, Shelf } from '#lib/content/store/part-store.ts'
import { UnreadableRowError } from '#lib/crypto/errors.ts'
import type { RowCipher } from '#lib/db/row-cipher.ts'
import { StorageFullError } from '#lib/protocol/errors.ts'

/** What stands for the hash, before the sealed bytes (`RowCipher.blind`). */
const HEAD_BYTES = 16

/**
 * Parts in files: `blocks` has the sealed bytes of each under a name that stands for their hash, and each shelf is a
 * folder of hard links to what it holds. A block that no shelf links to is taken out with the last that did.
 */
export class FilePartStore implements PartStore {
  readonly #folder: string
  readonly #blinder: Pick<RowCipher, 'blind'>
  readonly #cipher: PartCipher

  /** @param folder made when it is first needed */
  constructor(folder: string, blinder: Pick<RowCipher, 'blind'>, cipher: PartCipher) {
    this.#folder = folder
    this.#blinder = blinder
    this.#cipher = cipher
  }

  async put(
    shelf: Shelf,
    part: Part,
    hash: Uint8Array,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const context = this.#contextOf(hash)
    const block = join(this.#folder, 'blocks', nameOf(context))
    try {
      await mkdir(join(this.#folder, 'blocks'), { recursive: true })
      await mkdir(this.#shelf(shelf), { recursive: true })
      const sealed = async (): Promise<Uint8Array> =>
        Buffer.concat([context, await this.#cipher.seal(bytes, context)])
      if (!(await exists(block))) {
        const written = `${block}.${shelf}.${numberOf(part)}`
        await write(written, await sealed())
        // At once or not at all, and never in place of another: what is under its name is whole, and stays.
        await link(written, block).catch(unlessCode('EEXIST'))
        await rm(written)
      } else if ((await this.#read(block)) === null) {
        // The disk has changed it. In its place, so that every shelf has it again.
        await write(block, await sealed())
      }
      await link(block, this.#place(shelf, part)).catch(unlessCode('EEXIST'))
    } catch (cause) {
      if (hasCode(cause, 'ENOSPC')) throw new StorageFullError('the disk is full', { cause })
      throw cause
    }
  }

  get(shelf: Shelf, part: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#read(this.#place(shelf, part))
  }

  async held(shelf: Shelf): Promise<number[]> {
    const names = await readdir(this.#shelf(shelf)).catch(unlessCode('ENOENT'))
    return (names ?? []).map(Number).sort((a, b) => a - b)
  }

  async drop(shelf: Shelf): Promise<void> {
    for (const number of await this.held(shelf)) {
      const place = join(this.#shelf(shelf), String(number))
      const block = join(this.#folder, 'blocks', nameOf(await readHead(place)))
      await rm(place)
      // The one link left is the block's own. There is none of this name when the disk has changed what names it.
      const left = await stat(block).catch(unlessCode('ENOENT'))
      if (left?.nlink === 1) await rm(block)
    }
    await rm(this.#shelf(shelf), { recursive: true, force: true })
  }

  /** Each part is on the disk before it is put. */
  flush(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    // Nothing is held open.
  }

  /** Null when it is not there, or not as it was written. */
  async #read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      const file = Uint8Array.from(await readFile(path))
      return await this.#cipher.open(file.slice(HEAD_BYTES), file.slice(0, HEAD_BYTES))
    } catch (error) {
      if (hasCode(error, 'ENOENT') || error instanceof UnreadableRowError) return null
      throw error
    }
  }

  #contextOf(hash: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#blinder.blind('parts.block', hash)
  }

  #shelf(shelf: Shelf): string {
    return join(this.#folder, 'shelves', shelf)
  }

  #place(shelf: Shelf, part: Part): string {
    return join(this.#shelf(shelf), String(numberOf(part)))
  }
}

const nameOf = (context: Uint8Array): string => Buffer.from(context).toString('hex')

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const { O_CREAT, O_TRUNC, O_WRONLY } = constants
  const file = await open(path, O_CREAT | O_TRUNC | O_WRONLY, 0o600)
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer
  } finally {
    await file.close()
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(unlessCode('ENOENT'))) !== undefined
}

/** Lets errors of this code pass as nothing. */
function unlessCode(code: string): (error: unknown) => undefined {
  return (error) => {
    if (!hasCode(error, code)) throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
