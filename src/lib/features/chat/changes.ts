/**
 * What an edit, a deletion or a reaction does to the message it names. Whatever order they come in, the message is the
 * same in the end: an edit or reaction gives way to a later one, in the order of the conversation; a deletion is the end.
 */
import type { MessageRow, Stamp } from '../../db/schema.ts'
import type { Delivered } from '../../delivery/chain.ts'
import { EDIT_WITHIN_MS } from './api.ts'
import type { Change } from './protocol.ts'

/** What a change has beside what it says. */
export type ChangeMeta = Pick<
  Delivered,
  'mine' | 'clock' | 'id' | 'chain' | 'sequence' | 'sentAtMs'
>

/** The message after the change; null when that changes nothing, or may not. */
export function changed(row: MessageRow, change: Change, by: ChangeMeta): MessageRow | null {
  if (row.announcedMs !== undefined || row.deleted === true) return null
  switch (change.type) {
    case 'edit': {
      if (!mayEdit(row, by.mine, by.sentAtMs) || !isLater(by, row.edit)) return null
      const { clock, id, chain, sequence, sentAtMs } = by
      return { ...row, text: change.text, edit: { clock, id, chain, sequence, atMs: sentAtMs } }
    }
    case 'delete':
      return row.mine === by.mine ? withoutText(row) : null
    case 'react': {
      const side = by.mine ? 'mine' : 'theirs'
      if (!isLater(by, row.reactions?.[side])) return null
      if (change.emoji !== null && !isEmoji(change.emoji)) return null
      const { clock, id } = by
      const reaction = { emoji: change.emoji, clock, id }
      return { ...row, reactions: { ...row.reactions, [side]: reaction } }
    }
  }
}

/** Whether who writes now may change this message. Both moments are by the writer's own clock. */
export function mayEdit(
  row: Pick<MessageRow, 'mine' | 'deleted' | 'sentAtMs'>,
  mine: boolean,
  atMs: number,
): boolean {
  return row.mine === mine && row.deleted !== true && atMs - row.sentAtMs <= EDIT_WITHIN_MS
}

/** Whether a text is one emoji, as far as that can be told of those this browser does not know yet. */
export function isEmoji(text: string): boolean {
  if (!/[\p{Extended_Pictographic}\p{Regional_Indicator}\u20e3]/u.test(text)) return false
  return [...new Intl.Segmenter().segment(text)].length === 1
}

/** Whether `a` comes after `b`, if there is one, in the order of the conversation. */
export function isLater(a: Stamp, b: Stamp | undefined): boolean {
  return b === undefined || a.clock > b.clock || (a.clock === b.clock && a.id > b.id)
}

/** That there was a message, and what its place among the others needs. */
function withoutText(row: MessageRow): MessageRow {
  const { id, conversation, chain, sequence, clock, mine, sentAtMs, receivedAtMs } = row
  const { disappearAfterMs, disappearsAtMs } = row
  return {
    ...{ id, conversation, chain, sequence, clock, mine, text: '', sentAtMs, receivedAtMs },
    ...(disappearAfterMs !== undefined && { disappearAfterMs }),
    ...(disappearsAtMs !== undefined && { disappearsAtMs }),
    deleted: true,
  }
}
