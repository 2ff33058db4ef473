import { describe, expect, test } from 'vitest'
import type { Contact } from '../../../../../src/lib/features/contacts/api.ts'
import {
  contactGroups,
  displayName,
} from '../../../../../src/lib/features/contacts/ui/contact-groups.ts'
import { contactNamed } from '../../../../fixtures/contacts.ts'

const names = (contacts: Contact[]) => contacts.map(displayName)

describe('the list of contacts', () => {
  test('is sorted as the language sorts, by what I call them', () => {
    const { people } = contactGroups(
      [
        contactNamed('яна'),
        contactNamed('Ёжик'),
        contactNamed('Zoe', { alias: 'Антон' }),
        contactNamed('Жанна'),
      ],
      '',
      'ru',
    )
    expect(names(people)).toEqual(['Антон', 'Ёжик', 'Жанна', 'яна'])
  })

  test('has the blocked ones apart', () => {
    const { people, blocked } = contactGroups(
      [contactNamed('Anna'), contactNamed('Spam', { state: 'blocked' })],
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
      contactNamed('Anna'),
      contactNamed('Lena', { note: 'from the course' }),
      contactNamed('Zoe', { alias: 'Antonia' }),
    ]
    expect(names(contactGroups(contacts, query, 'en').people)).toEqual(expected)
  })
})
