import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const folder = new URL('../../../messages/', import.meta.url)
const areas = new Set(readdirSync(folder).map((file) => file.split('.')[0]!))

type Message = string | { declarations?: string[]; match: Record<string, string> }[]

function messages(area: string, locale: string): Record<string, Message> {
  const text = readFileSync(new URL(`${area}.${locale}.json`, folder), 'utf8')
  return JSON.parse(text) as Record<string, Message>
}

/** What a message is given, such as `count`. */
function inputs(message: Message): string[] {
  const found =
    typeof message === 'string'
      ? [...message.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
      : message.flatMap(({ declarations = [] }) =>
          declarations
            .filter((declaration) => declaration.startsWith('input '))
            .map((declaration) => declaration.slice('input '.length)),
        )
  return [...new Set(found)].sort()
}

describe.each([...areas])('the words of %s', (area) => {
  const english = messages(area, 'en')
  const russian = messages(area, 'ru')

  test('are all there in both languages, and carry the name of their area', () => {
    expect(Object.keys(russian).sort()).toEqual(Object.keys(english).sort())
    for (const key of Object.keys(english)) expect(key.startsWith(`${area}_`), key).toBe(true)
  })

  // Russian may leave a name out where it would have to be declined.
  test('use nothing in Russian that English is not given', () => {
    for (const [key, message] of Object.entries(english)) {
      expect(inputs(message), key).toEqual(expect.arrayContaining(inputs(russian[key]!)))
    }
  })

  test('have every plural their language knows', () => {
    for (const [locale, all] of Object.entries({ en: english, ru: russian })) {
      const known = new Intl.PluralRules(locale).resolvedOptions().pluralCategories.sort()
      for (const [key, message] of Object.entries(all)) {
        if (typeof message === 'string') continue
        for (const { declarations = [], match } of message) {
          const forms = declarations.flatMap(
            (one) => /^local (\w+) = .*: plural$/.exec(one)?.[1] ?? [],
          )
          for (const form of forms) {
            const chosen = Object.keys(match).flatMap(
              (one) => new RegExp(`\\b${form}=(\\w+)`).exec(one)?.[1] ?? [],
            )
            expect([...new Set(chosen)].sort(), `${locale} ${key}`).toEqual(known)
          }
        }
      }
    }
  })
})

test('a relay is called the same everywhere in Russian', () => {
  for (const area of areas)
    expect(JSON.stringify(messages(area, 'ru'))).not.toMatch(/(?<!\p{L})реле(?!\p{L})/u)
})
