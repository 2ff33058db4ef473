import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import type { Random } from '#lib/protocol/seams.ts'
import {
  MAX_MAILBOX_BYTES,
  MAX_MAILBOX_SENDER_BYTES,
  MAX_MAILBOX_STRANGERS_BYTES,
} from '../limits.ts'
import { dataFolderError } from '../store/level-disk.ts'
import { LevelMailboxStore } from './level-store.ts'
import type { MailboxStore } from './store.ts'

export interface MailboxStoreInit {
  dataFolder: string
  maxMailboxesMib: number
}

/** The store a relay is told to keep mailboxes in. @throws DataFolderError */
export async function openMailboxStore(
  { random }: { random: Random },
  { dataFolder, maxMailboxesMib }: MailboxStoreInit,
): Promise<MailboxStore> {
  const quotas = {
    mailbox: MAX_MAILBOX_BYTES,
    sender: MAX_MAILBOX_SENDER_BYTES,
    strangers: MAX_MAILBOX_STRANGERS_BYTES,
    relay: maxMailboxesMib * 1_024 * 1_024,
  }
  const level = new ClassicLevel<string, Uint8Array>(join(dataFolder, 'mailboxes'), {
    valueEncoding: 'view',
    // Sealed bytes do not get smaller.
    compression: false,
  })
  try {
    return await LevelMailboxStore.open(level, quotas, random)
  } catch (cause) {
    throw dataFolderError(dataFolder, cause)
  }
}
