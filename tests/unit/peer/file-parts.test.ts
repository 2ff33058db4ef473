import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FilePartStore } from '#peer/store/file-parts.ts'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { partCipher } from '#lib/content/store/part-cipher.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { complyWithPartStore } from '../../compliance/part-store.ts'

const KEY = new Uint8Array(32)

complyWithPartStore('in a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-parts-'))
  const open = async (): Promise<FilePartStore> => {
    const cipher = await partCipher(KEY, systemRandom)
    return new FilePartStore(folder, new AesRowCipher(KEY, systemRandom), cipher)
  }
  return {
    store: await open(),
    blocks: async () => (await readdir(join(folder, 'blocks'))).length,
    reopen: open,
    close: () => rm(folder, { recursive: true }),
  }
})
