import type { Contact } from '../../contacts/api.ts'
import type { Conversation } from '../api.ts'

/** A conversation as the list shows it. */
export interface ChatRow {
  conversation: Conversation
  /** What I call them; empty for notes to self, which the interface names. */
  name: string
  /** null for notes to self and for somebody who is no contact any more. */
  contact: Contact | null
}

export interface ChatRows {
  active: ChatRow[]
  archived: ChatRow[]
  /** Blocked people without history: in no list, yet open to whoever blocks or visits them there. */
  unlisted: ChatRow[]
}

/**
 * The list of chats: pinned before the rest, then the newest first. A contact to whom nothing has been written
 * yet has a row too, or nobody would find them; a blocked one is listed only when there is history.
 */
export function chatRows(
  conversations: readonly Conversation[],
  contacts: readonly Contact[],
): ChatRows {
  const byPeer = new Map(contacts.map((contact) => [contact.peer, contact]))
  const rows = conversations.map((conversation): ChatRow => {
    const contact = byPeer.get(conversation.id) ?? null
    byPeer.delete(conversation.id)
    return { conversation, name: nameOf(contact) ?? conversation.name, contact }
  })
  for (const contact of byPeer.values()) {
    rows.push({ conversation: emptyConversation(contact), name: nameOf(contact) ?? '', contact })
  }
  rows.sort(
    (a, b) =>
      Number(b.conversation.pinned) - Number(a.conversation.pinned) || changedAt(b) - changedAt(a),
  )
  const unlisted = rows.filter(
    ({ contact, conversation }) => contact?.state === 'blocked' && conversation.last === null,
  )
  const listed = rows.filter((row) => !unlisted.includes(row))
  return {
    active: listed.filter((row) => !row.conversation.archived),
    archived: listed.filter((row) => row.conversation.archived),
    unlisted,
  }
}

/** The conversation with a contact before its first message. */
export function emptyConversation(contact: Contact): Conversation {
  return {
    id: contact.peer,
    name: nameOf(contact) ?? '',
    kind: 'contact',
    last: null,
    unread: 0,
    draft: '',
    disappearing: 0,
    pinned: false,
    archived: false,
    mute: null,
  }
}

function nameOf(contact: Contact | null): string | null {
  return contact && (contact.alias ?? contact.name)
}

function changedAt({ conversation, contact }: ChatRow): number {
  return conversation.last?.sentAtMs ?? contact?.addedAtMs ?? 0
}
