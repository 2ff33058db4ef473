import { describe, expect, test } from 'vitest'
import { MAX_TEXT_BYTES } from '../../../../../src/lib/features/chat/api.ts'
import { EMOJI_GROUPS } from '../../../../../src/lib/features/chat/ui/emoji-list.ts'
import { isEmojiOnly } from '../../../../../src/lib/features/chat/ui/emoji-only.ts'
import {
  bytesLeft,
  COUNTER_FROM_BYTES,
  textBytes,
} from '../../../../../src/lib/features/chat/ui/text-size.ts'

test('the picker has each emoji once, and nothing else', () => {
  const all = EMOJI_GROUPS.flatMap(({ emoji }) => emoji)
  expect(new Set(all).size).toBe(all.length)
  expect(all.filter((emoji) => !isEmojiOnly(emoji))).toEqual([])
})

describe('the length of a text', () => {
  test('is counted in bytes of UTF-8', () => {
    expect(textBytes('aя😀')).toBe(1 + 2 + 4)
  })

  test('is told only near the limit, and goes below zero past it', () => {
    expect(bytesLeft('')).toBeNull()
    expect(bytesLeft('a'.repeat(COUNTER_FROM_BYTES - 1))).toBeNull()
    expect(bytesLeft('a'.repeat(COUNTER_FROM_BYTES))).toBe(1024)
    expect(bytesLeft('a'.repeat(MAX_TEXT_BYTES))).toBe(0)
    expect(bytesLeft('a'.repeat(MAX_TEXT_BYTES + 1))).toBe(-1)
    expect(bytesLeft('я'.repeat(MAX_TEXT_BYTES / 2))).toBe(0)
  })
})

describe('a message of emoji alone', () => {
  test.each(['👍', '❤️', '🇫🇷🇩🇪', '👩‍👩‍👧‍👦', '👋🏽 🎉', '😀😀😀'])('%s is shown large', (text) => {
    expect(isEmojiOnly(text)).toBe(true)
  })

  test.each(['', ' ', '1', 'ok 👍', '😀😀😀😀', '©', '#'])('%j is not', (text) => {
    expect(isEmojiOnly(text)).toBe(false)
  })
})
