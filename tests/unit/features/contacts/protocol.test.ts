import { expect, test } from 'vitest'
import {
  type Hello,
  helloCodec,
  MAX_CONTACTS_FRAME_BYTES,
} from '#lib/features/contacts/protocol.ts'
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'

/** What a hello has room for beside the card. */
const ENVELOPE_BYTES = 128

const hello = (cardBytes: number): Hello => ({
  type: 'hello',
  card: new Uint8Array(cardBytes),
  sinceMs: 8_640_000_000_000_000,
  mutual: false,
})

test('a hello with the longest card fits its frame and comes back as it was, and no longer one', () => {
  const longest = hello(MAX_CONTACTS_FRAME_BYTES - ENVELOPE_BYTES)
  expect(helloCodec.decode(helloCodec.encode(longest))).toEqual(longest)
  const longer = hello(MAX_CONTACTS_FRAME_BYTES - ENVELOPE_BYTES + 1)
  expect(() => helloCodec.encode(longer)).toThrow(InvalidDataError)
})

test('a frame of the longest length is read, one byte more is not', () => {
  expect(() => helloCodec.decode(new Uint8Array(MAX_CONTACTS_FRAME_BYTES))).toThrow(
    InvalidDataError,
  )
  expect(() => helloCodec.decode(new Uint8Array(MAX_CONTACTS_FRAME_BYTES + 1))).toThrow(
    LimitExceededError,
  )
})
