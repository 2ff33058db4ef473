import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { LevelMailboxStore } from '#relay/mailbox/level-store.ts'
import { complies } from '../../../compliance/mailbox-store.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

complies('in a LevelDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-mailboxes-'))
  let level: ClassicLevel<string, Uint8Array>
  return {
    open: async (quotas) => {
      level = new ClassicLevel<string, Uint8Array>(folder, { valueEncoding: 'view' })
      return LevelMailboxStore.open(level, quotas, seededRandom(2))
    },
    powerCut: () => level.close(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
})
