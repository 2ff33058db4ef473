/** Shares contents and gets them in the bench's worker, with the parts the product's worker has for it. */
import { sha256 as streamedSha256 } from '@noble/hashes/sha2.js'
import { base64url } from 'multiformats/bases/base64'
import { chunkCipher, newContentKey } from '../../../src/lib/content/chunk-cipher.ts'
import { parseContentId, sha256, type ContentId } from '../../../src/lib/content/content-id.ts'
import { Exchange } from '../../../src/lib/content/exchange/exchange.ts'
import { Holding } from '../../../src/lib/content/holding.ts'
import { takeIn } from '../../../src/lib/content/intake.ts'
import { CHUNK_BYTES } from '../../../src/lib/content/manifest.ts'
import { MANIFEST_PART } from '../../../src/lib/content/parts.ts'
import { OpenedContent } from '../../../src/lib/content/opened-content.ts'
import { DexiePartStore } from '../../../src/lib/content/store/dexie-part-store.ts'
import { partCipher } from '../../../src/lib/content/store/part-cipher.ts'
import type { Shelf } from '../../../src/lib/content/store/part-store.ts'
import { AesRowCipher } from '../../../src/lib/crypto/aes-row-cipher.ts'
import type { Channels } from '../../../src/lib/p2p/api.ts'
import { LogRing } from '../../../src/lib/p2p/log-ring.ts'
import { parsePeerId } from '../../../src/lib/protocol/ids.ts'
import { systemClock, systemRandom } from '../../../src/lib/protocol/seams.ts'
import { hexOf, incompressible } from './incompressible.ts'

/** Made at once of a file: the rest lies with the browser. */
const BLOB_BYTES = 16 * 1024 * 1024

/** Of this device's databases: known, so that what is here can be read after a reload. */
export const DATABASE_KEY = new Uint8Array(32).fill(7)

/** A content that somebody shares here. */
export interface Shared {
  content: string
  key: number[]
  /** Of all that travels: sealed leaves and the manifest; lists there are of files over 1 GiB alone. */
  contentBytes: number
  /** Of the file, hex. */
  sha256: string
}

/** What to get. */
export interface Wanted extends Shared {
  peers: string[]
  /** Where it is kept: 16 bytes, base64url. */
  shelf: string
}

export class Transfers {
  readonly #store: DexiePartStore
  readonly #exchange: Exchange
  readonly #shared = new Map<ContentId, Holding>()
  /** Bytes given to others since the last `given`. */
  #given = 0

  private constructor(store: DexiePartStore, channels: Channels) {
    this.#store = store
    this.#exchange = new Exchange(
      {
        channels,
        clock: systemClock,
        random: systemRandom,
        log: new LogRing(systemClock).loggers('blocks'),
      },
      {
        admit: (content) => {
          const holding = this.#shared.get(content)
          return holding === undefined ? { refusal: 'unknown' } : { holding }
        },
      },
    )
    this.#exchange.addEventListener('gave', ({ detail: { bytes } }) => {
      this.#given += bytes
    })
  }

  static async on(channels: Channels): Promise<Transfers> {
    const blinder = new AesRowCipher(DATABASE_KEY, systemRandom)
    const store = new DexiePartStore(blinder, await partCipher(DATABASE_KEY, systemRandom))
    const transfers = new Transfers(store, channels)
    await transfers.#exchange.start()
    return transfers
  }

  /** Shares a file of so many bytes that no compression makes fewer. */
  async share(bytes: number): Promise<Shared> {
    const hash = streamedSha256.create()
    const blobs: Blob[] = []
    for (let made = 0; made < bytes; made += BLOB_BYTES) {
      const some = incompressible(Math.min(BLOB_BYTES, bytes - made))
      hash.update(some)
      blobs.push(new Blob([some]))
    }
    const key = newContentKey(systemRandom)
    const shelf = newShelf()
    const steps = takeIn(
      {
        shelf,
        files: [{ path: 'file', mediaType: '', blob: new Blob(blobs) }],
        about: {
          name: 'file',
          description: '',
          createdAtMs: systemClock.now(),
          expiresAtMs: null,
          creator: null,
        },
        signer: null,
        cipher: await chunkCipher(key),
        sealed: true,
      },
      { store: this.#store, sha256 },
    )
    let step = await steps.next()
    while (step.done !== true) step = await steps.next()
    const { content, manifest } = step.value
    const contentBytes = manifest.bytes + (await this.#store.get(shelf, MANIFEST_PART))!.byteLength
    const holding = await Holding.open(content, shelf, { store: this.#store, sha256 })
    this.#shared.set(content, holding)
    return { content, key: [...key], contentBytes, sha256: hexOf(hash.digest()) }
  }

  /** Milliseconds until all of it is here, verified, and outlives a power cut. */
  async get({ content: text, peers, shelf }: Wanted): Promise<number> {
    const content = parseContentId(text)
    const startMs = performance.now()
    const holding = await Holding.open(content, shelf as Shelf, { store: this.#store, sha256 })
    // What was whole before a reload has nothing to wait for.
    if (holding.complete) return performance.now() - startMs
    const download = this.#exchange.get(holding)
    const complete = Promise.withResolvers<undefined>()
    download.addEventListener('complete', () => {
      complete.resolve(undefined)
    })
    download.addEventListener('failed', ({ detail }) => {
      complete.reject(new Error(detail))
    })
    for (const peer of peers) this.#exchange.from(content, parsePeerId(peer))
    await complete.promise
    await this.#store.flush()
    const endMs = performance.now()
    this.#exchange.leave(content)
    return endMs - startMs
  }

  /** Gets it, and gives it to others from then on. */
  async keep(wanted: Wanted): Promise<void> {
    await this.get(wanted)
    const content = parseContentId(wanted.content)
    const components = { store: this.#store, sha256 }
    this.#shared.set(content, await Holding.open(content, wanted.shelf as Shelf, components))
  }

  /** How much of this is here, of 1. */
  async part({ content, shelf }: Wanted): Promise<number> {
    const components = { store: this.#store, sha256 }
    const { leaves } = await Holding.open(parseContentId(content), shelf as Shelf, components)
    return leaves.length === 0 ? 0 : leaves.countIn(0, leaves.length) / leaves.length
  }

  /** Whether the file that was got is the one that was shared; it is forgotten then. */
  async check({ content, key, shelf, sha256: expected }: Wanted): Promise<boolean> {
    const components = { store: this.#store, sha256 }
    const holding = await Holding.open(parseContentId(content), shelf as Shelf, components)
    const opened = await OpenedContent.open(holding, await chunkCipher(Uint8Array.from(key)))
    const hash = streamedSha256.create()
    for await (const chunk of opened.read(0)) hash.update(chunk)
    await this.#store.drop(shelf as Shelf)
    return hexOf(hash.digest()) === expected
  }

  /** Bytes given to others since this was asked before. */
  given(): number {
    const given = this.#given
    this.#given = 0
    return given
  }
}

/** Megabytes of chunks hashed in a second, so many at once. */
export async function hashRate(bytes: number, atOnce: number): Promise<number> {
  const chunk = incompressible(CHUNK_BYTES)
  const startMs = performance.now()
  const hashOn = async (): Promise<void> => {
    for (let done = 0; done < bytes / atOnce; done += CHUNK_BYTES) await sha256(chunk)
  }
  await Promise.all(Array.from({ length: atOnce }, hashOn))
  return bytes / 1e3 / (performance.now() - startMs)
}

function newShelf(): Shelf {
  return base64url.baseEncode(systemRandom.bytes(16)) as Shelf
}
