import { m } from '../../../i18n/generated/messages.js'
import type { Message } from '../api.ts'

/** What stands for a message in a list or quote: its words, or that they are gone. */
export function wordsOf({
  deleted,
  mine,
  text,
}: Pick<Message, 'deleted' | 'mine' | 'text'>): string {
  if (!deleted) return text
  return mine ? m.chats_deleted_mine() : m.chats_deleted_theirs()
}
