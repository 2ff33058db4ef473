import { type Datastore, Key } from 'interface-datastore'
import { partCipher } from '#lib/content/store/part-cipher.ts'
import type { PartStore } from '#lib/content/store/part-store.ts'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { FilePartStore } from '#peer/store/file-parts.ts'

/** Where the key of the parts is kept. */
const PARTS_KEY = new Key('/starling/parts-key')

const KEY_BYTES = 32

/** Parts of copies, in files of this folder: sealed once more, so that what the disk has changed is noticed. */
export async function copyParts(folder: string, datastore: Datastore): Promise<PartStore> {
  const key = (await datastore.has(PARTS_KEY))
    ? Uint8Array.from(await datastore.get(PARTS_KEY))
    : systemRandom.bytes(KEY_BYTES)
  await datastore.put(PARTS_KEY, key)
  return new FilePartStore(
    folder,
    new AesRowCipher(key, systemRandom),
    await partCipher(key, systemRandom),
  )
}
