import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { LevelMailboxStore } from '#relay/mailbox/level-store.ts'
import { complies } from './compliance.ts'

complies('in a LevelDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-mailboxes-'))
  return {
    open: async (quotas) => {
      const level = new ClassicLevel<string, Uint8Array>(folder, { valueEncoding: 'view' })
      await level.open()
      return LevelMailboxStore.open(level, quotas)
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
})
