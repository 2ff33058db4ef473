import { describe, expect, test } from 'vitest'
import type { Contact } from '../../../../../src/lib/features/contacts/api.ts'
import {
  contactGroups,
  displayName,
} from '../../../../../src/lib/features/contacts/ui/contact-groups.ts'
import type { PeerIdString } from '../../../../../src/lib/protocol/ids.ts'

function contact(name: string, over: Partial<Contact> = {}): Contact {
  return {
    peer: name as PeerIdString,
    name,
    alias: null,
    note: '',
    verified: false,
    sharesName: false,
    state: 'mutual',
    path: 'offline',
    lastSeenAtMs: null,
    addedAtMs: 0,
    ...over,
  }
}

const names = (contacts: Contact[]) => contacts.map(displayName)

describe('the list of contacts', () => {
  test('is sorted as the language sorts, by what I call them', () => {
    const { people } = contactGroups(
      [contact('яна'), contact('Ёжик'), contact('Zoe', { alias: 'Антон' }), contact('Жанна')],
      '',
      'ru',
    )
    expect(names(people)).toEqual(['Антон', 'Ёжик', 'Жанна', 'яна'])
  })

  test('has the blocked ones apart', () => {
    const { people, blocked } = contactGroups(
      [contact('Anna'), contact('Spam', { state: 'blocked' })],
      '',
      'en',
    )
    expect([names(people), names(blocked)]).toEqual([['Anna'], ['Spam']])
  })

  test.each([
    ['ANN', ['Anna']],
    [' course ', ['Lena']],
    ['zoe', ['Antonia']],
    ['léna', ['Lena']],
    ['nobody', []],
  ])('searched for %j, in name, alias and note, has %j', (query, expected) => {
    const contacts = [
      contact('Anna'),
      contact('Lena', { note: 'from the course' }),
      contact('Zoe', { alias: 'Antonia' }),
    ]
    expect(names(contactGroups(contacts, query, 'en').people)).toEqual(expected)
  })
})
