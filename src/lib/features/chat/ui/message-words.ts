import { m } from '../../../i18n/generated/messages.js'
import type { AttachmentLine, Message, SearchHit } from '../api.ts'
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

/** Its file, and what is said beside it. */
export function lineOf({
  text,
  attachment,
}: {
  text: string
  attachment: AttachmentLine | null
}): string {
  return said(attachment && lineWords(attachment), text)
}

/** A message that was found, with all that it can be found by. */
export function hitWords({ text, attachment }: Pick<SearchHit, 'text' | 'attachment'>): string {
  const named = attachment === null || attachment.kind === 'voice' ? null : attachment.name
  return said(named ?? (attachment && lineWords(attachment)), text)
}

function said(file: string | null, text: string): string {
  return file === null || text === '' ? (file ?? text) : `${file} · ${text}`
}
