import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  MAX_LINK_CHARACTERS,
  textParts,
} from '../../../../../src/lib/features/chat/ui/text-parts.ts'

function links(text: string) {
  return textParts(text).flatMap((part) => (part.type === 'link' ? [[part.text, part.href]] : []))
}

describe('links in a message', () => {
  test.each([
    ['see https://example.org/a?b=1.', 'https://example.org/a?b=1', 'https://example.org/a?b=1'],
    ['HTTP://EXAMPLE.ORG', 'HTTP://EXAMPLE.ORG', 'http://example.org/'],
    ['www.example.org', 'www.example.org', 'https://www.example.org/'],
    ['(https://example.org/x_(y))', 'https://example.org/x_(y)', 'https://example.org/x_(y)'],
    ['«https://example.org»', 'https://example.org', 'https://example.org/'],
    ['write anna@example.org!', 'anna@example.org', 'mailto:anna@example.org'],
    ['mailto:anna@example.org', 'mailto:anna@example.org', 'mailto:anna@example.org'],
    ['http://localhost:8787/#/c/x', 'http://localhost:8787/#/c/x', 'http://localhost:8787/#/c/x'],
    ['http://[::1]:80/', 'http://[::1]:80/', 'http://[::1]/'],
  ])('%s', (text, shown, href) => {
    expect(links(text)).toEqual([[shown, href]])
  })

  test.each([
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'file:///etc/passwd',
    'https://',
    'https://bank.example@elsewhere.example',
    'https://user:password@example.org',
    'https://justaword',
    'foohttps://example.org',
    '@anna',
  ])('%s stays text', (text) => {
    expect(links(text)).toEqual([])
  })

  test('the real name stands beside an internationalised one', () => {
    expect(textParts('https://аpple.com')).toEqual([
      {
        type: 'link',
        text: 'https://аpple.com',
        href: 'https://xn--pple-43d.com/',
        host: 'xn--pple-43d.com',
      },
    ])
    expect(textParts('https://apple.com')).toMatchObject([{ host: null }])
  })

  test('a mark that turns the direction of text ends a link', () => {
    expect(links('https://example.org/\u202Egpj.exe')).toEqual([
      ['https://example.org/', 'https://example.org/'],
    ])
  })

  test('a link at the limit is one, and past it is text', () => {
    const base = 'https://example.org/'
    const at = base + 'a'.repeat(MAX_LINK_CHARACTERS - base.length)
    expect(links(at)).toHaveLength(1)
    expect(links(`${at}a`)).toEqual([])
  })

  test('a message of nothing but brackets costs no time', () => {
    const text = `https://example.org/${')'.repeat(16_000)}`
    expect(textParts(text)).toEqual([{ type: 'text', text }])
  })

  test('nothing of the text is lost, and no other scheme ever comes out', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'https://example.org/a?b#c',
        'anna@example.org',
        'http://[::1]/',
        'https://рф.рф',
      ),
      fc.constantFrom('javascript:', 'https://', 'www.', '@', '<', '"', ')', '(', ' ', '\u202E'),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('')
        const parts = textParts(text)
        expect(parts.map((part) => part.text).join('')).toBe(text)
        for (const part of parts) {
          if (part.type === 'link') expect(part.href).toMatch(/^(?:https?:\/\/|mailto:)/)
        }
      }),
    )
  })
})
