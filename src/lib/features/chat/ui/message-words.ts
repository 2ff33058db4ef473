import { m } from '../../../i18n/generated/messages.js'
import type { AttachmentLine, Message } from '../api.ts'
import { lineWords } from './attachment-words.ts'

/** What stands for a message in a list or quote: its words, or its file, or that they are gone. */
export function wordsOf({
  deleted,
  mine,
  text,
  attachment,
}: Pick<Message, 'deleted' | 'mine' | 'text'> & { attachment: AttachmentLine | null }): string {
  if (!deleted) return lineOf({ text, attachment })
  return mine ? m.chats_deleted_mine() : m.chats_deleted_theirs()
}

/** What it says, or what it is that says nothing. */
export function lineOf({
  text,
  attachment,
}: {
  text: string
  attachment: AttachmentLine | null
}): string {
  return text === '' && attachment !== null ? lineWords(attachment) : text
}
