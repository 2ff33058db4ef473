import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DamagedBackupError,
  NewerBackupError,
  NotABackupError,
  TruncatedBackupError,
  WrongBackupKeyError,
} from '#lib/crypto/backup-errors.ts'
import {
  backupBytes,
  CHUNK_BYTES,
  MAX_ITEM_BYTES,
  openBackup,
  readBackupHead,
  sealBackup,
  type BackupSecret,
} from '#lib/crypto/backup-file.ts'
import type { Stretch } from '#lib/crypto/stretch.ts'
import { LimitExceededError, StarlingError } from '#lib/protocol/errors.ts'
import type { Random } from '#lib/protocol/seams.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { frozen } from '../../fixtures/vectors.ts'

const NOW = 1_700_000_000_000
const SEALED_CHUNK_BYTES = CHUNK_BYTES + 16
const phrase: BackupSecret = { type: 'phrase', ed25519Seed: new Uint8Array(32).fill(1) }
const password: BackupSecret = { type: 'password', password: 'correct horse' }

/** In place of Argon2id, which would take all the time of these tests. */
const stretch: Stretch = (text, { salt }) =>
  Promise.resolve(Uint8Array.from(createHash('sha256').update(salt).update(text).digest()))

async function sealed(
  items: Iterable<Uint8Array>,
  secret: BackupSecret = phrase,
  random: Random = seededRandom(1),
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of sealBackup({ stretch, random }, secret, NOW, items)) pieces.push(piece)
  return new Uint8Array(await new Blob(pieces).arrayBuffer())
}

async function opened(
  file: Uint8Array<ArrayBuffer>,
  secret: BackupSecret = phrase,
): Promise<Uint8Array[]> {
  const items: Uint8Array[] = []
  for await (const item of openBackup({ stretch }, new Blob([file]), secret)) items.push(item)
  return items
}

/** The class of what is thrown. */
async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'nothing is wrong',
    (error: unknown) => (error as Error).constructor,
  )
}

const bytes = (count: number, value = 7): Uint8Array<ArrayBuffer> =>
  new Uint8Array(count).fill(value)
/** Three chunks of them. */
const items = [bytes(10), bytes(2 * CHUNK_BYTES, 8), bytes(30, 9)]
const file = await sealed(items)
const headBytes = file.byteLength - 3 * SEALED_CHUNK_BYTES

test.each([
  ['nothing', []],
  ['a byte', [bytes(1)]],
  ['the longest item', [bytes(MAX_ITEM_BYTES)]],
  ['a full chunk and its end in the next', [bytes(CHUNK_BYTES - 4)]],
  ['an ending length that does not fit whole', [bytes(CHUNK_BYTES - 6)]],
  ['an ending length that just fits', [bytes(CHUNK_BYTES - 8)]],
  ['a length on the edge of two chunks', [bytes(CHUNK_BYTES - 6), bytes(5)]],
  ['many', Array.from({ length: 5_000 }, (_, index) => bytes(1 + (index % 90), index % 256))],
])('%s comes back as it was, in a file as long as was said', async (_name, content) => {
  const made = await sealed(content)
  expect(await opened(made)).toEqual(content)
  const itemBytes = content.reduce((sum, item) => sum + item.byteLength + 4, 0)
  // All but the head, which is shorter than this.
  expect(Math.abs(backupBytes(itemBytes) - made.byteLength)).toBeLessThan(200)
})

test('any items come back, by phrase and by password', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 90_000, size: 'max' }), { maxLength: 5 }),
      fc.constantFrom(phrase, password),
      fc.nat(),
      async (content, secret, seed) => {
        const made = await sealed(content, secret, seededRandom(seed))
        expect(await opened(made, secret)).toEqual(content.map((item) => Uint8Array.from(item)))
      },
    ),
    { numRuns: 30 },
  )
})

test('a file tells when it was made and with what it opens', async () => {
  expect(await readBackupHead(new Blob([file]))).toEqual({ createdAtMs: NOW, key: 'phrase' })
  const other = await sealed([], password)
  expect(await readBackupHead(new Blob([other]))).toEqual({ createdAtMs: NOW, key: 'password' })
})

test('two files of the same have nothing in common', async () => {
  const [one, two] = [await sealed(items), await sealed(items, phrase, seededRandom(2))]
  const same = one.slice(headBytes).filter((byte, index) => byte === two[headBytes + index])
  // One byte of 256 is the same by chance.
  expect(same.byteLength / (one.byteLength - headBytes)).toBeLessThan(0.01)
})

test('only the phrase or password it was made with opens a file', async () => {
  const otherSeed: BackupSecret = { type: 'phrase', ed25519Seed: new Uint8Array(32).fill(2) }
  expect(await failure(opened(file, otherSeed))).toBe(WrongBackupKeyError)
  expect(await failure(opened(file, password))).toBe(WrongBackupKeyError)
  const locked = await sealed(items, password)
  expect(await failure(opened(locked, { type: 'password', password: 'Correct horse' }))).toBe(
    WrongBackupKeyError,
  )
  expect(await failure(opened(locked, phrase))).toBe(WrongBackupKeyError)
})

test('wherever the end is missing, that is said', async () => {
  for (const length of [
    16,
    18,
    headBytes - 41,
    headBytes - 40,
    headBytes - 1,
    headBytes,
    headBytes + 1,
    headBytes + SEALED_CHUNK_BYTES - 1,
    headBytes + SEALED_CHUNK_BYTES,
    headBytes + 2 * SEALED_CHUNK_BYTES,
    file.byteLength - 1,
  ]) {
    expect(await failure(opened(file.slice(0, length))), `${length}`).toBe(TruncatedBackupError)
  }
})

test('another kind of file is none, nor is what is too short to tell', async () => {
  const image = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  for (const other of [image, new Uint8Array(), file.slice(0, 15), new Uint8Array(100_000)]) {
    expect(await failure(opened(other))).toBe(NotABackupError)
  }
})

test('a file of a later version is not taken for a broken one', async () => {
  const later = Uint8Array.from(file)
  later[16] = 2
  expect(await failure(readBackupHead(new Blob([later])))).toBe(NewerBackupError)
})

test('no byte can be changed', async () => {
  const wrong = new Map<unknown, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.nat({ max: headBytes - 1 }), fc.nat({ max: file.byteLength - 1 })),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const changed = Uint8Array.from(file)
        changed[at]! ^= change
        const error = await failure(opened(changed))
        wrong.set(error, (wrong.get(error) ?? 0) + 1)
        if (at >= headBytes) expect(error).toBe(DamagedBackupError)
        else expect((error as typeof Error).prototype).toBeInstanceOf(StarlingError)
      },
    ),
    { numRuns: 300 },
  )
  expect(wrong.size).toBeGreaterThan(2)
})

test('each byte of the head that is broken, and none of it is taken for a wrong phrase', async () => {
  for (let at = 0; at < headBytes - 32; at += 1) {
    const broken = Uint8Array.from(file)
    broken[at]! ^= 1
    const error = await failure(opened(broken))
    const expected: unknown[] = at < 16 ? [NotABackupError] : [DamagedBackupError]
    // The version, and the length of the head: what a longer one would hold is read from the chunks.
    if (at === 16) expected.push(NewerBackupError)
    expect(expected, `byte ${at}`).toContain(error)
  }
})

test('chunks cannot be moved, doubled, left out or added', async () => {
  const head = file.slice(0, headBytes)
  const [a, b, c] = [0, 1, 2].map((number) =>
    file.slice(
      headBytes + number * SEALED_CHUNK_BYTES,
      headBytes + (number + 1) * SEALED_CHUNK_BYTES,
    ),
  ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]
  for (const chunks of [
    [b, a, c],
    [a, a, b, c],
    [a, c],
    [a, b, c, c],
    [a, b, c, new Uint8Array(SEALED_CHUNK_BYTES)],
  ]) {
    const made = new Uint8Array(await new Blob([head, ...chunks]).arrayBuffer())
    expect(await failure(opened(made))).toBe(DamagedBackupError)
  }
})

test('a file that asks for more memory than a phone has is broken, and no key is made', async () => {
  const asked: number[] = []
  const counting: Stretch = (text, stretching) => {
    asked.push(stretching.memoryKiB)
    return stretch(text, stretching)
  }
  const locked = await sealed(items, password)
  const text = Buffer.from(locked.slice(0, 400)).toString('latin1')
  // 65,536 KiB, CBOR 1a 00 01 00 00, becomes 4 TiB; the checksum is made right again.
  const at = text.indexOf('\x1a\x00\x01\x00\x00')
  expect(at).toBeGreaterThan(0)
  locked.set([0x1a, 0xff, 0xff, 0xff, 0xff], at)
  const headEnd = 19 + ((locked[17]! << 8) | locked[18]!)
  const sum = createHash('sha256').update(locked.slice(0, headEnd)).digest().subarray(0, 8)
  locked.set(sum, headEnd)
  const unopened = openBackup({ stretch: counting }, new Blob([locked]), password)
  expect(await failure(unopened.next())).toBe(DamagedBackupError)
  expect(asked).toEqual([])
})

test('an item is at least a byte and at most as long as a reader takes', async () => {
  expect(await failure(sealed([bytes(MAX_ITEM_BYTES + 1)]))).toBe(LimitExceededError)
  expect(await failure(sealed([bytes(0)]))).toBe(LimitExceededError)
})

/** A file of an earlier version. It has 64 KiB, so of the chunk only a hash is kept; the bytes follow from the rest. */
interface Vector {
  ed25519Seed: string
  randomSeed: number
  items: string[]
  head: string
  sha256: string
}

test('the same is written as by earlier versions', async () => {
  const vector = frozen('backup-1') as Vector
  const secret: BackupSecret = {
    type: 'phrase',
    ed25519Seed: Uint8Array.from(Buffer.from(vector.ed25519Seed, 'hex')),
  }
  const content = vector.items.map((item) => Uint8Array.from(Buffer.from(item, 'base64')))
  const made = await sealed(content, secret, seededRandom(vector.randomSeed))
  expect(Buffer.from(made.slice(0, -SEALED_CHUNK_BYTES)).toString('base64')).toBe(vector.head)
  expect(createHash('sha256').update(made).digest('hex')).toBe(vector.sha256)
  expect(await opened(made, secret)).toEqual(content)
})
