import { describe, expect, test } from 'vitest'
import type { Conversation } from '../../../../../src/lib/features/chat/api.ts'
import { chatRows } from '../../../../../src/lib/features/chat/ui/chat-rows.ts'
import type { MessageId, PeerIdString } from '../../../../../src/lib/protocol/ids.ts'
import { contactNamed } from '../../../../fixtures/contacts.ts'

function conversation(name: string, lastAtMs: number | null, over: Partial<Conversation> = {}) {
  return {
    id: name as PeerIdString,
    name,
    kind: 'contact' as const,
    last:
      lastAtMs === null
        ? null
        : {
            ...{ id: 'x' as MessageId, text: '', attachment: null, deleted: false },
            ...{ mine: false, sentAtMs: lastAtMs, state: null },
          },
    unread: 0,
    draft: '',
    disappearing: 0 as const,
    pinned: false,
    archived: false,
    mute: null,
    ...over,
  }
}

const names = (rows: { name: string }[]) => rows.map(({ name }) => name)

describe('the list of chats', () => {
  test('has the pinned ones first, then the newest', () => {
    const { active } = chatRows(
      [conversation('old', 1), conversation('new', 3), conversation('kept', 2, { pinned: true })],
      [],
    )
    expect(names(active)).toEqual(['kept', 'new', 'old'])
  })

  test('keeps archived ones apart', () => {
    const { active, archived } = chatRows(
      [conversation('here', 1), conversation('away', 2, { archived: true })],
      [],
    )
    expect([names(active), names(archived)]).toEqual([['here'], ['away']])
  })

  test('shows what I call them', () => {
    const { active } = chatRows(
      [conversation('Anna', 1)],
      [contactNamed('Anna', { alias: 'Annie' })],
    )
    expect(names(active)).toEqual(['Annie'])
  })

  test('has a row for a contact before the first message, by when they were added', () => {
    const { active } = chatRows(
      [conversation('old', 1), conversation('new', 9)],
      [contactNamed('Anna', { addedAtMs: 5 })],
    )
    expect(names(active)).toEqual(['new', 'Anna', 'old'])
  })

  test('shows a blocked contact only when there is history, and can open one without', () => {
    const blocked = [
      contactNamed('Anna', { state: 'blocked' }),
      contactNamed('Spam', { state: 'blocked' }),
    ]
    const rows = chatRows([conversation('Anna', 1), conversation('Spam', null)], blocked)
    expect(names(rows.active)).toEqual(['Anna'])
    expect(names(rows.unlisted)).toEqual(['Spam'])
  })

  test('keeps a conversation whose contact was deleted', () => {
    const { active } = chatRows([conversation('Anna', 1)], [])
    expect(active).toMatchObject([{ name: 'Anna', contact: null }])
  })
})
