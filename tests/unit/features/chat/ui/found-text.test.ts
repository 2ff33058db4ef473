import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { highlight } from '../../../../../src/lib/features/chat/ui/highlight.ts'

/** Texts of what makes searching hard: cases, blanks, signs of patterns, marks on letters, halves of emoji. */
const odd = fc.string({
  unit: fc.constantFrom(
    'a',
    'A',
    'я',
    'Ё',
    'ß',
    'İ',
    ' ',
    '\n',
    '.',
    '*',
    '(',
    '\\',
    '[',
    '…',
    '😀',
    '\u0301',
    '\ud83d',
    '\u202E',
  ),
})

const shown = (text: string, query: string) =>
  highlight(text, query)
    .map((part) => (part.match ? `[${part.text}]` : part.text))
    .join('')

describe('a found text', () => {
  test('marks each match, in whatever case', () => {
    expect(shown('The cat and THE dog', 'the')).toBe('[The] cat and [THE] dog')
    expect(shown('Ёлка и ёлка', 'ёлка')).toBe('[Ёлка] и [ёлка]')
  })

  test('marks letters with marks as whole, however they are written', () => {
    expect(shown('Иван Белозёров', 'белозеров')).toBe('Иван [Белозёров]')
    expect(shown('Chloë, Chloe\u0308!', 'chloe')).toBe('[Chloë], [Chloe\u0308]!')
    expect(shown('мои мой', 'мой')).toBe('мои [мой]')
  })

  test('takes the query as text, not as a pattern', () => {
    expect(shown('1+1 (or 2)', '1+1 (')).toBe('[1+1 (]or 2)')
    expect(shown('anything', '.*')).toBe('anything')
  })

  test('is one line that begins shortly before the first match', () => {
    const text = `${'word '.repeat(40)}\nneedle in hay`
    expect(shown(text, 'needle')).toMatch(/^…(?:word ){1,5}\[needle\] in hay$/)
  })

  test('never throws and always keeps the end', () => {
    fc.assert(
      fc.property(odd, odd, (text, query) => {
        const whole = text.replace(/\s+/g, ' ').trim()
        const tail = highlight(text, query)
          .map((part) => part.text)
          .join('')
          .replace(/^…/, '')
        expect(whole.endsWith(tail) || whole.replace(/^…/, '').endsWith(tail)).toBe(true)
      }),
    )
  })
})
