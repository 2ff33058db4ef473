import { describe, expect, test } from 'vitest'
import { MAX_PREVIEW_CHARS } from '#lib/features/chat/api.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import { isEmojiOnly } from '#lib/features/chat/ui/emoji-only.ts'
import { highlight } from '#lib/features/chat/ui/highlight.ts'
import { textParts } from '#lib/features/chat/ui/text-parts.ts'
import { cleanName, isValidName, shortenName } from '#lib/protocol/names.ts'
import { HOSTILE_TEXTS } from '../../../../fixtures/hostile-texts.ts'

// A pattern that goes back over a text without end would not be done before a test's time is over.
describe.each(HOSTILE_TEXTS)('$what', ({ text, noLink }) => {
  test('goes over the wire unchanged', () => {
    expect(payloadCodec.decode(payloadCodec.encode({ type: 'text', text }))).toEqual({
      type: 'text',
      text,
    })
  })

  test('is shown as it is, with links to nowhere but the web and mail', () => {
    const parts = textParts(text)
    expect(isEmojiOnly(text)).toBeTypeOf('boolean')
    expect(parts.map((part) => part.text).join('')).toBe(text)
    for (const part of parts) {
      if (part.type === 'text') continue
      expect(part.href).toMatch(/^(?:https?|mailto):/)
      expect(part.href).not.toMatch(/["<>\s]/)
      expect(part.text).not.toBe(noLink)
    }
  })

  test('can be found and looked for', () => {
    const found = highlight(text, 'e')
    const itself = highlight(text, text.slice(0, MAX_PREVIEW_CHARS))
    for (const parts of [found, itself]) {
      const shown = parts.map((part) => part.text).join('')
      expect(text.replace(/\s+/g, ' ')).toContain(shown.replace(/^…/, '').trim())
    }
  })

  test('is no name before it is cleaned and cut to one', () => {
    const name = shortenName(cleanName(text))
    expect(name === '' || isValidName(name)).toBe(true)
    expect(name).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff\p{Cc}]/u)
  })
})
