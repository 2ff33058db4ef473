/**
 * An encrypted backup file: items of bytes in their order, written and read a chunk at a time.
 *
 *     16        "starling backup\n"
 *     1         version of this format, 1
 *     2         length of the head, big endian
 *     n         head: canonical DAG-CBOR, see `headCodec`
 *     8         SHA-256 of all before, cut: tells broken bytes from a wrong key, and protects from nobody
 *     32        HMAC-SHA-256 of all before
 *     65,552 …  chunks: 64 KiB, AES-256-GCM, with its tag
 *
 * Both keys are HKDF-SHA-256 with the head's salt: of the Ed25519 seed, or of what Argon2id makes of a password. The
 * HMAC commits to the key, which GCM does not.
 *
 * The chunks are STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance, 2015, section 7): the nonce is the chunk's number, 11 bytes big endian, and a byte that is 1 for
 * the last chunk, so that none can be left out, moved or cut off. A key is of one file, so no nonce is used twice.
 *
 * Inside, each item has its length before it, 4 bytes big endian; a length of 0 ends them, and zeros fill the last chunk.
 * So all chunks are of one size, the file tells little of what is in it, and a part of a chunk means a lost end.
 */
import { equalBytes } from '@noble/ciphers/utils.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { InvalidDataError, LimitExceededError } from '../protocol/errors.ts'
import { bytesSchema, timeMsSchema } from '../protocol/schemas.ts'
import type { Random } from '../protocol/seams.ts'
import {
  DamagedBackupError,
  NewerBackupError,
  NotABackupError,
  TruncatedBackupError,
  WrongBackupKeyError,
} from './backup-errors.ts'
import { newStretching, stretchingSchema, type Stretch, type Stretching } from './stretch.ts'

const MAGIC = utf8ToBytes('starling backup\n')
const VERSION = 1
const CHECKSUM_BYTES = 8
const MAC_BYTES = 32
const SALT_BYTES = 16
const KEY_BYTES = 32
const TAG_BYTES = 16
const NONCE_BYTES = 12
const LENGTH_BYTES = 4

/** Longest head in bytes; today's have less than 150. */
const MAX_HEAD_BYTES = 512

/** What a chunk holds, in bytes. */
export const CHUNK_BYTES = 64 * 1024

/** Longest item in bytes: any row fits, and no file makes a reader set aside more. */
export const MAX_ITEM_BYTES = 256 * 1024

/** Bytes between the beginning of a file and its head. */
const PREFIX_BYTES = MAGIC.byteLength + 3

/** Numbers of chunks fit in 4 of the 11 bytes: files of up to 256 TiB. */
const MAX_CHUNKS = 2 ** 32

const MAC_INFO = utf8ToBytes('starling backup head')
const CHUNK_INFO = utf8ToBytes('starling backup chunks')

/** What opens a file. */
export type BackupSecret =
  { type: 'phrase'; ed25519Seed: Uint8Array } | { type: 'password'; password: string }

/** What a file says about itself before it is opened. */
export interface BackupHead {
  createdAtMs: number
  key: 'phrase' | 'password'
}

interface Head {
  createdAtMs: number
  salt: Uint8Array
  /** Null: by the phrase. */
  password: Stretching | null
}

const headCodec = codec<Head>(
  v.strictObject({
    createdAtMs: timeMsSchema,
    salt: bytesSchema(SALT_BYTES, SALT_BYTES),
    password: v.nullable(stretchingSchema),
  }),
  MAX_HEAD_BYTES,
)

/** Where a file is read from: one that a person chose, or bytes in memory. */
export type BackupSource = Pick<Blob, 'size' | 'slice'>

export interface BackupComponents {
  stretch: Stretch
}

/**
 * The pieces of a file with these items, in order.
 * @throws LimitExceededError when an item is empty or longer than `MAX_ITEM_BYTES`
 */
export async function* sealBackup(
  { stretch, random }: BackupComponents & { random: Random },
  secret: BackupSecret,
  createdAtMs: number,
  items: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const password = secret.type === 'password' ? newStretching(random) : null
  const head: Head = { createdAtMs, salt: random.bytes(SALT_BYTES), password }
  const { macKey, chunkKey } = await keysOf({ stretch }, secret, head)
  const key = await crypto.subtle.importKey('raw', chunkKey, 'AES-GCM', false, ['encrypt'])
  const signed = checked(prefixed(headCodec.encode(head)))
  yield concat(signed, hmac(sha256, macKey, signed))

  let number = 0
  let chunk = new Uint8Array(CHUNK_BYTES)
  let filled = 0
  const seal = async (last: boolean): Promise<Uint8Array<ArrayBuffer>> => {
    const iv = nonceOf(number, last)
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, chunk)
    number += 1
    chunk = new Uint8Array(CHUNK_BYTES)
    filled = 0
    return new Uint8Array(sealed)
  }
  for await (const item of items) {
    if (item.byteLength === 0 || item.byteLength > MAX_ITEM_BYTES) {
      throw new LimitExceededError(`an item of ${item.byteLength} bytes`)
    }
    for (const part of [lengthOf(item), item]) {
      let taken = 0
      while (taken < part.byteLength) {
        if (filled === CHUNK_BYTES) yield await seal(false)
        const fits = part.subarray(taken, taken + CHUNK_BYTES - filled)
        chunk.set(fits, filled)
        filled += fits.byteLength
        taken += fits.byteLength
      }
    }
  }
  // Zeros are there already: only where not all four of the ending length fit, they go on in one chunk more.
  if (filled + LENGTH_BYTES > CHUNK_BYTES) yield await seal(false)
  yield await seal(true)
}

/** Bytes a file has in which the items take so many, each with its length. */
export function backupBytes(itemBytes: number): number {
  const chunks = Math.ceil((itemBytes + LENGTH_BYTES) / CHUNK_BYTES)
  return PREFIX_BYTES + CHECKSUM_BYTES + MAC_BYTES + chunks * (CHUNK_BYTES + TAG_BYTES)
}

/**
 * What the file says about itself. Nothing of it is authenticated before `openBackup`.
 * @throws NotABackupError, NewerBackupError, TruncatedBackupError, DamagedBackupError
 */
export async function readBackupHead(source: BackupSource): Promise<BackupHead> {
  const { head } = await readHead(source)
  return { createdAtMs: head.createdAtMs, key: head.password === null ? 'phrase' : 'password' }
}

/**
 * The items of a file. Each is authenticated when it is given, the whole only when the last has been.
 * @throws as `readBackupHead`, and WrongBackupKeyError
 */
export async function* openBackup(
  { stretch }: BackupComponents,
  source: BackupSource,
  secret: BackupSecret,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { head, signed, chunksAt } = await readHead(source)
  const mac = await read(source, signed.byteLength, MAC_BYTES)
  const sealedBytes = CHUNK_BYTES + TAG_BYTES
  const chunks = Math.floor((source.size - chunksAt) / sealedBytes)
  // Before the dear derivation of the key.
  if (chunks === 0 || (source.size - chunksAt) % sealedBytes !== 0) {
    throw new TruncatedBackupError('a part of a chunk')
  }
  if (chunks > MAX_CHUNKS) throw new DamagedBackupError('more chunks than have numbers')
  const { macKey, chunkKey } = await keysOf({ stretch }, secret, head)
  if (!equalBytes(hmac(sha256, macKey, signed), mac)) {
    throw new WrongBackupKeyError('another phrase or password')
  }
  const key = await crypto.subtle.importKey('raw', chunkKey, 'AES-GCM', false, ['decrypt'])

  const items = new ItemReader()
  for (let number = 0; number < chunks; number += 1) {
    const sealed = await read(source, chunksAt + number * sealedBytes, sealedBytes)
    const last = number === chunks - 1
    const chunk = await openChunk(key, sealed, number, last)
    if (chunk === null) {
      const cut = last && (await openChunk(key, sealed, number, false)) !== null
      throw cut
        ? new TruncatedBackupError('chunks are missing')
        : new DamagedBackupError(`chunk ${number} does not open`)
    }
    yield* items.take(chunk)
  }
  items.end()
}

/** Puts items together again from chunks. Keeps one item and one chunk. */
class ItemReader {
  #parts: Uint8Array[] = []
  #bytes = 0
  /** Of the item under way; null while its length is. */
  #length: number | null = null
  #ended = false

  end(): void {
    if (!this.#ended) throw new DamagedBackupError('the last item has no end')
  }

  *take(chunk: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
    let rest = chunk
    while (rest.byteLength > 0 && !this.#ended) {
      const wanted = (this.#length ?? LENGTH_BYTES) - this.#bytes
      const part = rest.subarray(0, wanted)
      rest = rest.subarray(part.byteLength)
      this.#parts.push(part)
      this.#bytes += part.byteLength
      if (part.byteLength < wanted) return
      const whole = concat(...this.#parts)
      this.#parts = []
      this.#bytes = 0
      if (this.#length !== null) {
        this.#length = null
        yield whole
        continue
      }
      const length = new DataView(whole.buffer).getUint32(0)
      if (length > MAX_ITEM_BYTES) throw new DamagedBackupError(`an item of ${length} bytes`)
      if (length === 0) this.#ended = true
      else this.#length = length
    }
    // Not by `some`, which calls back for each of up to 65,536 bytes.
    for (let at = 0; at < rest.byteLength; at += 1) {
      if (rest[at] !== 0) throw new DamagedBackupError('something after the end')
    }
  }
}

async function readHead(
  source: BackupSource,
): Promise<{ head: Head; signed: Uint8Array; chunksAt: number }> {
  const prefix = new Uint8Array(await source.slice(0, PREFIX_BYTES).arrayBuffer())
  if (!equalBytes(prefix.subarray(0, MAGIC.byteLength), MAGIC)) {
    throw new NotABackupError('another kind of file')
  }
  if (prefix.byteLength < PREFIX_BYTES) throw new TruncatedBackupError('ends before its head')
  const view = new DataView(prefix.buffer)
  const version = view.getUint8(MAGIC.byteLength)
  if (version > VERSION) throw new NewerBackupError(`version ${version}`)
  const headBytes = view.getUint16(MAGIC.byteLength + 1)
  if (version !== VERSION || headBytes > MAX_HEAD_BYTES)
    throw new DamagedBackupError('a broken head')
  const signedBytes = PREFIX_BYTES + headBytes + CHECKSUM_BYTES
  const signed = await read(source, 0, signedBytes)
  const plain = signed.subarray(0, PREFIX_BYTES + headBytes)
  if (!equalBytes(checked(plain), signed)) throw new DamagedBackupError('a broken head')
  try {
    const head = headCodec.decode(plain.subarray(PREFIX_BYTES))
    return { head, signed, chunksAt: signedBytes + MAC_BYTES }
  } catch (cause) {
    if (!(cause instanceof InvalidDataError || cause instanceof LimitExceededError)) throw cause
    throw new DamagedBackupError('a broken head', { cause })
  }
}

/** Exactly these bytes. @throws TruncatedBackupError when the file ends before */
async function read(
  source: BackupSource,
  from: number,
  count: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await source.slice(from, from + count).arrayBuffer())
  if (bytes.byteLength < count) throw new TruncatedBackupError('ends too early')
  return bytes
}

async function keysOf(
  { stretch }: BackupComponents,
  secret: BackupSecret,
  { salt, password }: Head,
): Promise<{ macKey: Uint8Array; chunkKey: Uint8Array<ArrayBuffer> }> {
  if ((password === null) !== (secret.type === 'phrase')) {
    throw new WrongBackupKeyError('made with a secret of the other kind')
  }
  const from =
    secret.type === 'phrase' ? secret.ed25519Seed : await stretch(secret.password, password!)
  return {
    macKey: hkdf(sha256, from, salt, MAC_INFO, KEY_BYTES),
    chunkKey: Uint8Array.from(hkdf(sha256, from, salt, CHUNK_INFO, KEY_BYTES)),
  }
}

async function openChunk(
  key: CryptoKey,
  sealed: Uint8Array<ArrayBuffer>,
  number: number,
  last: boolean,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const iv = nonceOf(number, last)
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed))
  } catch (error) {
    // What Web Crypto throws when the tag is not right.
    if (error instanceof DOMException && error.name === 'OperationError') return null
    throw error
  }
}

function nonceOf(number: number, last: boolean): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(NONCE_BYTES)
  const view = new DataView(nonce.buffer)
  view.setUint32(NONCE_BYTES - 5, number)
  view.setUint8(NONCE_BYTES - 1, last ? 1 : 0)
  return nonce
}

function prefixed(head: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(MAGIC, Uint8Array.of(VERSION, head.byteLength >> 8, head.byteLength & 0xff), head)
}

function checked(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(bytes, sha256(bytes).subarray(0, CHECKSUM_BYTES))
}

function lengthOf(item: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, item.byteLength)
  return length
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(concatBytes(...parts))
}
