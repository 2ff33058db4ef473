/** How messages and conversations look as rows. */
import { Dexie } from 'dexie'
import { contentIdOf } from '../../content/content-id.ts'
import type {
  AttachmentRow,
  ConversationRow,
  MessageRow,
  StarlingDatabase,
} from '../../db/schema.ts'
import type { Delivered } from '../../delivery/chain.ts'
import type { ChainId, PeerIdString } from '../../protocol/ids.ts'
import { MAX_PREVIEW_CHARS } from './api.ts'
import { isLater } from './changes.ts'
import type { SentAttachment, TextPayload } from './protocol.ts'

type Last = NonNullable<ConversationRow['last']>

/** A text of either side, as it came. */
export function textRow(message: Omit<Delivered, 'payload'>, payload: TextPayload): MessageRow {
  const { reply, forwarded, disappearAfterMs, text, attachment } = payload
  return {
    ...bareRow(message),
    text,
    ...(attachment !== undefined && attachmentOf(attachment)),
    ...(reply !== undefined && { reply }),
    ...(forwarded !== undefined && { forwarded }),
    ...(disappearAfterMs !== undefined && { disappearAfterMs }),
  }
}

function attachmentOf({ content, ...attachment }: SentAttachment) {
  return { attachment, content: contentIdOf(content) }
}

/** What the list and quotes tell of a file. */
export function lineOf(attachment: AttachmentRow | undefined): Last['attachment'] {
  if (attachment === undefined) return undefined
  const { kind, name } = attachment
  return kind === 'voice' ? { kind, name, durationMs: attachment.durationMs } : { kind, name }
}

/** The place in the timeline from where on texts last another time. */
export function announcementRow(
  message: Omit<Delivered, 'payload'>,
  announcedMs: number,
): MessageRow {
  return { ...bareRow(message), announcedMs }
}

function bareRow(message: Omit<Delivered, 'payload'>): MessageRow {
  const { id, peer, chain, sequence, clock, mine, sentAtMs, receivedAtMs } = message
  return {
    ...{ id, conversation: peer, chain, sequence, clock, mine },
    ...{ text: '', sentAtMs, receivedAtMs },
  }
}

export function emptyConversation(id: PeerIdString): ConversationRow {
  return {
    ...{ id, name: '', draft: '', pinned: false, archived: false, mute: null },
    ...{ last: null, unread: 0 },
  }
}

/** Where in my chain what is shown of a message of mine was said: its edit is on the way by itself. */
export function saidAt({ chain, sequence, edit }: MessageRow): {
  chain: ChainId
  sequence: number
} {
  return { chain: edit?.chain ?? chain, sequence: edit?.sequence ?? sequence }
}

/** What the list tells of a message. */
export function lastOf(row: MessageRow): Last {
  const { id, clock, mine, text, sentAtMs, deleted } = row
  const { chain, sequence } = saidAt(row)
  const attachment = lineOf(row.attachment)
  const preview = text.slice(0, MAX_PREVIEW_CHARS).toWellFormed()
  return {
    ...{ id, chain, clock, sequence, mine, text: preview, sentAtMs },
    ...(attachment !== undefined && { attachment }),
    ...(deleted !== undefined && { deleted }),
  }
}

/** What is last with this message: one can come in before others that were shown already. */
export function later(last: Last | null, row: MessageRow): Last {
  return last !== null && isLater(last, row) ? last : lastOf(row)
}

/** All of a conversation in the order it is shown. */
export function timelineOf(db: StarlingDatabase, conversation: PeerIdString) {
  return db.messages
    .where('[conversation+clock+id]')
    .between([conversation, Dexie.minKey, Dexie.minKey], [conversation, Dexie.maxKey, Dexie.maxKey])
}

/** Changes a conversation's row, which need not be there yet. Within a transaction over `conversations`. */
export async function upsert(
  { conversations }: StarlingDatabase,
  id: PeerIdString,
  change: (before: ConversationRow) => Partial<ConversationRow>,
): Promise<void> {
  const before = (await conversations.get(id)) ?? emptyConversation(id)
  await conversations.put({ ...before, ...change(before) })
}
