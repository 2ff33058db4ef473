import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import type { Logger } from '#lib/protocol/seams.ts'
import {
  MAX_MAILBOX_BYTES,
  MAX_MAILBOX_SENDER_BYTES,
  MAX_MAILBOX_STRANGERS_BYTES,
} from '../limits.ts'
import { dataFolderError } from '../store/level-disk.ts'
import { LevelMailboxStore } from './level-store.ts'
import { PostgresMailboxStore } from './postgres-store.ts'
import type { MailboxStore } from './store.ts'

export interface MailboxStoreInit {
  dataFolder: string
  store: string | null
  storeMayForget: boolean
  maxMailboxesMib: number
}

/** The store a relay is told to keep mailboxes in. @throws DataFolderError, MailboxStoreError, VolatileStoreError */
export async function openMailboxStore(
  { log }: { log: Logger },
  { dataFolder, store, storeMayForget, maxMailboxesMib }: MailboxStoreInit,
): Promise<MailboxStore> {
  const quotas = {
    mailbox: MAX_MAILBOX_BYTES,
    sender: MAX_MAILBOX_SENDER_BYTES,
    strangers: MAX_MAILBOX_STRANGERS_BYTES,
    relay: maxMailboxesMib * 1_024 * 1_024,
  }
  if (store !== null) {
    return await PostgresMailboxStore.open(
      { log },
      { url: store, quotas, mayForget: storeMayForget },
    )
  }
  const level = new ClassicLevel<string, Uint8Array>(join(dataFolder, 'mailboxes'), {
    valueEncoding: 'view',
    // Sealed bytes do not get smaller.
    compression: false,
  })
  try {
    return await LevelMailboxStore.open(level, quotas)
  } catch (cause) {
    throw dataFolderError(dataFolder, cause)
  }
}
