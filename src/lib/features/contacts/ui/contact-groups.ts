import { fold } from '../../../protocol/fold.ts'
import type { Contact } from '../api.ts'

export interface ContactGroups {
  people: Contact[]
  blocked: Contact[]
}

/** What I call them, else what they call themselves. */
export function displayName(contact: Pick<Contact, 'alias' | 'name'>): string {
  return contact.alias ?? contact.name
}

/** Contacts whose name, alias or note contains `query`, by name as the language sorts it; the blocked apart. */
export function contactGroups(
  contacts: readonly Contact[],
  query: string,
  language: string,
): ContactGroups {
  const wanted = fold(query.trim())
  const { compare } = new Intl.Collator(language, { sensitivity: 'base', numeric: true })
  const found = contacts
    .filter(({ name, alias, note }) =>
      [name, alias ?? '', note].some((text) => fold(text).includes(wanted)),
    )
    .sort((a, b) => compare(displayName(a), displayName(b)))
  return {
    people: found.filter(({ state }) => state !== 'blocked'),
    blocked: found.filter(({ state }) => state === 'blocked'),
  }
}
