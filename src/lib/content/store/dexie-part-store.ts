import { Dexie, type Table } from 'dexie'
import { base64url } from 'multiformats/bases/base64'
import { UnreadableRowError } from '../../crypto/errors.ts'
import type { RowCipher } from '../../db/row-cipher.ts'
import { PARTS_DATABASE_NAME } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import { numberOf, type Part } from '../parts.ts'
import { release } from '../release.ts'
import type { PartCipher } from './part-cipher.ts'
import type { PartStore, Shelf } from './part-store.ts'

/** Rows taken out in one transaction. */
const DROP_BATCH = 256

/** Which bytes a part is. */
interface PartRow {
  shelf: Uint8Array<ArrayBuffer>
  part: number
  /** What stands for the hash of the bytes (`RowCipher.blind`): the disk does not tell which they are. */
  block: Uint8Array<ArrayBuffer>
}

interface BlockRow {
  block: Uint8Array<ArrayBuffer>
  sealed: Uint8Array<ArrayBuffer>
}

/**
 * Parts in IndexedDB, in a database of their own: its rows are large, and many. The bytes of each are sealed by themselves, under a key that stands for their hash, and each shelf
 * names what it holds of them.
 *
 * Transactions are `relaxed`: a part that a power cut takes is got again, and to wait for the disk after each would halve
 * the speed. `flush` writes one `strict` row, before which everything written earlier is on the disk as well, because
 * the browser writes one log.
 */
export class DexiePartStore implements PartStore {
  readonly #db: Dexie
  readonly #parts: Table<PartRow, [Uint8Array<ArrayBuffer>, number]>
  readonly #blocks: Table<BlockRow, Uint8Array<ArrayBuffer>>
  readonly #blinder: Pick<RowCipher, 'blind'>
  readonly #cipher: PartCipher

  constructor(
    blinder: Pick<RowCipher, 'blind'>,
    cipher: PartCipher,
    name: string = PARTS_DATABASE_NAME,
  ) {
    this.#db = new Dexie(name, { chromeTransactionDurability: 'relaxed' })
    this.#db.version(1).stores({ parts: '[shelf+part], block', blocks: 'block', flushes: 'key' })
    this.#parts = this.#db.table('parts')
    this.#blocks = this.#db.table('blocks')
    this.#blinder = blinder
    this.#cipher = cipher
  }

  async put(
    shelf: Shelf,
    part: Part,
    hash: Uint8Array,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const block = this.#blinder.blind('parts.block', hash)
    // Web Crypto answers later, which a transaction would not outlive.
    const sealed = await this.#cipher.seal(bytes, block)
    await orStorageFull(
      this.#db.transaction('rw', this.#parts, this.#blocks, async () => {
        await this.#parts.put({ shelf: keyOf(shelf), part: numberOf(part), block })
        // Also where there is one: the disk may have changed it.
        await this.#blocks.put({ block, sealed })
      }),
    )
    release(sealed)
  }

  async get(shelf: Shelf, part: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    const row = await this.#db.transaction('r', this.#parts, this.#blocks, async () => {
      const place = await this.#parts.get([keyOf(shelf), numberOf(part)])
      return place === undefined ? undefined : await this.#blocks.get(place.block)
    })
    if (row === undefined) return null
    try {
      return await this.#cipher.open(row.sealed, row.block)
    } catch (error) {
      if (error instanceof UnreadableRowError) return null
      throw error
    } finally {
      release(row.sealed)
    }
  }

  async held(shelf: Shelf): Promise<number[]> {
    const keys = await this.#on(shelf).primaryKeys()
    return keys.map(([, part]) => part)
  }

  async drop(shelf: Shelf): Promise<void> {
    for (;;) {
      const dropped = await this.#db.transaction('rw', this.#parts, this.#blocks, async () => {
        const rows = await this.#on(shelf).limit(DROP_BATCH).toArray()
        await this.#parts.bulkDelete(rows.map(({ shelf, part }) => [shelf, part]))
        for (const { block } of rows) {
          if ((await this.#parts.where('block').equals(block).count()) === 0) {
            await this.#blocks.delete(block)
          }
        }
        return rows.length
      })
      if (dropped < DROP_BATCH) return
    }
  }

  async flush(): Promise<void> {
    await this.#db.open()
    const transaction = this.#db.backendDB().transaction('flushes', 'readwrite', {
      durability: 'strict',
    })
    const flushed = Promise.withResolvers<undefined>()
    transaction.oncomplete = () => {
      flushed.resolve(undefined)
    }
    transaction.onabort = () => {
      flushed.reject(transaction.error ?? new DOMException('not flushed', 'AbortError'))
    }
    transaction.objectStore('flushes').put({ key: 0 })
    await orStorageFull(flushed.promise)
  }

  close(): void {
    this.#db.close()
  }

  #on(shelf: Shelf) {
    const key = keyOf(shelf)
    return this.#parts.where('[shelf+part]').between([key, Dexie.minKey], [key, Dexie.maxKey])
  }
}

function keyOf(shelf: Shelf): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(base64url.decode(`u${shelf}`))
}
