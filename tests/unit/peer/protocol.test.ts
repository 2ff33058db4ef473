import { describe, expect, test } from 'vitest'
import { MAX_EMOJI_BYTES, MAX_TEXT_BYTES } from '#lib/features/chat/api.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { messageIdOf, peerIdOf } from '#lib/protocol/ids.ts'
import { decodeCommand, MAX_LINE_BYTES, refOf } from '#peer/protocol.ts'

const peer = peerIdOf(new Uint8Array(32).fill(9))
const id = messageIdOf(new Uint8Array(32).fill(9))

describe('a command', () => {
  test.each([
    { type: 'send', to: peer, text: 'hello', intent: 'first', ref: '1' },
    { type: 'edit', to: peer, id, text: 'hello you', ref: '2' },
    { type: 'delete', to: peer, id, ref: '3' },
    { type: 'react', to: peer, id, emoji: 'x'.repeat(MAX_EMOJI_BYTES), ref: '4' },
    { type: 'react', to: peer, id, emoji: null, ref: '5' },
    { type: 'share', paths: ['a', '/b'], description: 'for you', password: 'x', ref: '6' },
    { type: 'share', paths: ['a'], expiresAfterMs: 1, downloadLimit: 2 },
    { type: 'get', link: '#/get/x', into: '.', replace: true, ref: '7' },
    { type: 'transfers' },
    { type: 'remove', transfer: 'it' },
  ])('is read from its line: $type', (command) => {
    expect(decodeCommand(JSON.stringify(command))).toEqual(command)
  })

  test('of the longest text fits a line, however it is escaped', () => {
    const text = '\u0001'.repeat(MAX_TEXT_BYTES)
    const line = JSON.stringify({ type: 'send', to: peer, text, intent: 'x'.repeat(200) })
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES)
  })

  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no object', '"quit"'],
    ['an unknown type', '{"type":"sing"}'],
    ['no peer id', '{"type":"accept","peer":"Anna"}'],
    ['no message id', `{"type":"read","from":"${peer}","id":"1"}`],
    ['nothing to share', '{"type":"share","paths":[]}'],
    ['too long a link', JSON.stringify({ type: 'get', link: 'x'.repeat(4_097) })],
    ['something more', '{"type":"quit","now":true}'],
    [
      'too long an intent',
      JSON.stringify({ type: 'send', to: peer, text: '', intent: 'x'.repeat(201) }),
    ],
    [
      'too long an emoji',
      JSON.stringify({ type: 'react', to: peer, id, emoji: 'x'.repeat(MAX_EMOJI_BYTES + 1) }),
    ],
  ])('is refused with %s', (_, line) => {
    expect(() => decodeCommand(line)).toThrow(InvalidDataError)
  })

  test('is refused when its line was too long', () => {
    expect(() => decodeCommand(null)).toThrow(InvalidDataError)
  })

  test('is answered by its ref, also when it is none', () => {
    expect(refOf('{"type":"sing","ref":"a"}')).toBe('a')
    expect(refOf('{"ref":7}')).toBeUndefined()
    expect(refOf('{')).toBeUndefined()
    expect(refOf(null)).toBeUndefined()
  })
})
