/** What is worth a notification: what there is now, compared with before. Values and functions. */
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Conversation } from '../chat/api.ts'
import type { ContactRequest } from '../contacts/api.ts'
import type { About, Notice } from './api.ts'

/** Unread messages by conversation. */
export type Counts = ReadonlyMap<PeerIdString, number>

export function countsOf(conversations: readonly Conversation[]): Counts {
  return new Map(conversations.map(({ id, unread }) => [id, unread]))
}

/** Of each conversation that is not muted and has more unread messages than before. */
export function newMessages(conversations: readonly Conversation[], before: Counts): Notice[] {
  return conversations
    .filter(({ id, unread, mute }) => mute === null && unread > (before.get(id) ?? 0))
    .map(({ id, name, last, unread }) => {
      // What came may stand before what I wrote meanwhile: then the last words are not theirs.
      const theirs = last === null || last.mine || last.deleted ? null : last
      const { text = null, attachment: file = null } = theirs ?? {}
      return { about: id, name, text, file, count: unread }
    })
}

/** One for all, named after the newest; null when nobody new asks. */
export function newRequests(
  requests: readonly ContactRequest[],
  before: ReadonlySet<PeerIdString>,
): Notice | null {
  const newest = requests.find(({ peer }) => !before.has(peer))
  if (newest === undefined) return null
  return { about: 'requests', name: newest.name, text: null, file: null, count: requests.length }
}

/** What still waits for the person. Words that were deleted do not go on standing on the screen. */
export function stillOpen(
  conversations: readonly Conversation[],
  requests: readonly ContactRequest[],
): About[] {
  const unread = conversations.filter(
    ({ unread, mute, last }) => unread > 0 && mute === null && last?.deleted !== true,
  )
  return [...unread.map(({ id }) => id), ...(requests.length > 0 ? (['requests'] as const) : [])]
}
