import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeEnvelope,
  encodeEnvelope,
  MAX_ENVELOPE_BYTES,
  MAX_PAYLOAD_BYTES,
  messageId,
  type Envelope,
} from '#lib/delivery/envelope.ts'
import {
  frameCodec,
  MAX_FRAME_BYTES,
  MAX_SEAL_OVERHEAD_BYTES,
  type Frame,
} from '#lib/delivery/frames.ts'
import { pad } from '#lib/crypto/padding.ts'
import { SEAL_OVERHEAD_BYTES } from '#lib/crypto/sessions.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import {
  DISAPPEAR_AFTER_MS,
  type Disappearing,
  MAX_CAPTION_BYTES,
  MAX_EMOJI_BYTES,
  MAX_SIDE_PX,
  MAX_TEXT_BYTES,
  MAX_THUMBNAIL_BYTES,
} from '#lib/features/chat/api.ts'
import { helloCodec } from '#lib/features/contacts/protocol.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import { chainIdOf, messageIdOf } from '#lib/protocol/ids.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenTexts } from '../../fixtures/vectors.ts'

const ANNA = (await signerOf(1)).peer
const BEN = (await signerOf(2)).peer
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const chain = bytes(16).map(chainIdOf)
const hash = fc.option(bytes(32).map(messageIdOf), { nil: null })
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

const envelopes: fc.Arbitrary<Envelope> = fc.record({
  chain,
  sequence: count,
  previous: hash,
  parent: hash,
  clock: count,
  sentAtMs: number,
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    bytes(32).map((id) => ({ id: messageIdOf(id) })),
  ),
})
const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    mine: fc.record({ chain, sequence: number }),
    yours: fc.option(fc.record({ chain, received: number, read: number }), { nil: null }),
  }),
  fc.record({
    type: fc.constant('message' as const),
    chain,
    sequence: number,
    sealed: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({ type: fc.constant('ask' as const) }),
  fc.record({ type: fc.constant('typing' as const), on: fc.boolean() }),
  fc.record({
    type: fc.constant('keys' as const),
    keys: fc.uint8Array({ maxLength: 200 }),
    anew: fc.boolean(),
  }),
  fc.record({ type: fc.constant('ack' as const), chain, received: number }),
  fc.record({ type: fc.constant('read' as const), chain, read: number }),
  fc.record({ type: fc.constant('want' as const), chain, first: number, last: number }),
)

test('envelopes and frames come back as they were', () => {
  fc.assert(
    fc.property(envelopes, frames, (envelope, frame) => {
      expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope)
      expect(frameCodec.decode(frameCodec.encode(frame))).toEqual(frame)
    }),
  )
})

test('any bytes are a frame, or refused', () => {
  const flipped = fc
    .tuple(frames, fc.nat(), fc.integer({ min: 1, max: 255 }))
    .map(([frame, at, change]) => {
      const good = frameCodec.encode(frame)
      const place = at % good.byteLength
      return good.with(place, good[place]! ^ change)
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), flipped), (hostile) => {
      for (const decode of [
        decodeEnvelope,
        frameCodec.decode,
        payloadCodec.decode,
        helloCodec.decode,
      ]) {
        try {
          decode(hostile)
        } catch (error) {
          expect(error).toBeInstanceOf(StarlingError)
        }
      }
    }),
    { numRuns: 1_000 },
  )
})

test('the longest message fits a frame', () => {
  const envelope = encodeEnvelope({
    chain: chainIdOf(new Uint8Array(16)),
    sequence: Number.MAX_SAFE_INTEGER,
    previous: messageIdOf(new Uint8Array(32)),
    parent: messageIdOf(new Uint8Array(32)),
    clock: Number.MAX_SAFE_INTEGER,
    sentAtMs: Number.MAX_SAFE_INTEGER,
    payload: new Uint8Array(MAX_PAYLOAD_BYTES),
  })
  const sealed = new Uint8Array(pad(envelope).byteLength + SEAL_OVERHEAD_BYTES)
  expect(sealed.byteLength).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES + MAX_SEAL_OVERHEAD_BYTES)
  const chain = chainIdOf(new Uint8Array(16))
  const sequence = Number.MAX_SAFE_INTEGER
  const frame = frameCodec.encode({ type: 'message', chain, sequence, sealed })
  expect(frame.byteLength).toBeLessThanOrEqual(MAX_FRAME_BYTES)
  const text = 'x'.repeat(MAX_TEXT_BYTES)
  const message = messageIdOf(new Uint8Array(32))
  for (const said of [
    {
      ...{ type: 'text' as const, text, reply: message, forwarded: true as const },
      disappearAfterMs: DISAPPEAR_AFTER_MS[3],
    },
    { type: 'edit' as const, message, text },
  ]) {
    expect(payloadCodec.encode(said).byteLength).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
  }
})

test('a text has between one byte and 16 KiB, and whole characters', () => {
  const text = (value: string) => payloadCodec.encode({ type: 'text', text: value })
  const longest = 'я'.repeat(MAX_TEXT_BYTES / 2)
  expect(payloadCodec.decode(text(longest))).toEqual({ type: 'text', text: longest })
  expect(() => text(`${'я'.repeat(MAX_TEXT_BYTES / 2)}x`)).toThrow(StarlingError)
  expect(() => text('')).toThrow(StarlingError)
  expect(() => text('\uD800')).toThrow(StarlingError)
})

test('a file is called like one, and goes with words that leave room for it', () => {
  const bytes = (count: number) => new Uint8Array(count)
  const picture = {
    ...{ kind: 'picture' as const, content: bytes(32), key: bytes(32), bytes: 2 ** 40 },
    ...{ name: 'я'.repeat(127), mediaType: `image/${'x'.repeat(249)}` },
    ...{ width: MAX_SIDE_PX, height: 1, thumbnail: bytes(MAX_THUMBNAIL_BYTES) },
  }
  const caption = 'x'.repeat(MAX_CAPTION_BYTES)
  const send = (over: Partial<typeof picture>, text = '') =>
    payloadCodec.encode({ type: 'text', text, attachment: { ...picture, ...over } })
  expect(send({}, caption).byteLength).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
  expect(() => send({}, `${caption}x`)).toThrow(StarlingError)
  for (const name of ['', '..', 'a/b', 'gpj.\u202Eexe', 'CON']) {
    expect(() => send({ name }), name).toThrow(StarlingError)
  }
  expect(() => send({ mediaType: 'text/html\n' })).toThrow(StarlingError)
  expect(() => send({ width: 0 })).toThrow(StarlingError)
  expect(() => send({ thumbnail: bytes(MAX_THUMBNAIL_BYTES + 1) })).toThrow(StarlingError)
  expect(() => send({ key: bytes(31) })).toThrow(StarlingError)
})

test('an emoji has at most 40 bytes, and any there may be one day', () => {
  const message = messageIdOf(new Uint8Array(32))
  const react = (emoji: string) => payloadCodec.encode({ type: 'react', message, emoji })
  expect(payloadCodec.decode(react('x'.repeat(MAX_EMOJI_BYTES)))).toMatchObject({ type: 'react' })
  expect(() => react('x'.repeat(MAX_EMOJI_BYTES + 1))).toThrow(StarlingError)
  expect(() => react('')).toThrow(StarlingError)
})

test('texts last one of four times, or for ever', () => {
  const last = (afterMs: number) =>
    payloadCodec.encode({ type: 'disappear', afterMs: afterMs as Disappearing })
  for (const afterMs of [0, ...DISAPPEAR_AFTER_MS]) {
    expect(payloadCodec.decode(last(afterMs))).toEqual({ type: 'disappear', afterMs })
  }
  expect(() => last(1)).toThrow(StarlingError)
})

test('an id is of one conversation and one direction', () => {
  const envelope = Uint8Array.of(1)
  expect(messageId(ANNA, BEN, envelope)).not.toBe(messageId(BEN, ANNA, envelope))
  expect(messageId(ANNA, BEN, envelope)).not.toBe(messageId(ANNA, ANNA, envelope))
})

test('bytes of before are still read, and written the same', () => {
  const { payload, envelope, first, erased, id, ...others } = frozenTexts('chat-2.0.0')
  const { rich, edit, delete: taken, react, unreact, disappear, ...more } = others
  const { file, picture, voice, ...frameVectors } = more
  const hex = (text: string | undefined) => Uint8Array.from(Buffer.from(text!, 'hex'))
  expect(payloadCodec.decode(hex(payload))).toEqual({ type: 'text', text: 'Привет, hello 👋' })
  const message = messageIdOf(new Uint8Array(32).fill(2))
  expect(payloadCodec.decode(hex(rich))).toEqual({
    ...{ type: 'text', text: 'six', reply: message, forwarded: true },
    disappearAfterMs: 604_800_000,
  })
  expect(payloadCodec.decode(hex(edit))).toEqual({ type: 'edit', message, text: 'seven' })
  expect(payloadCodec.decode(hex(taken))).toEqual({ type: 'delete', message })
  expect(payloadCodec.decode(hex(react))).toEqual({ type: 'react', message, emoji: '👍' })
  expect(payloadCodec.decode(hex(unreact))).toEqual({ type: 'react', message, emoji: null })
  expect(payloadCodec.decode(hex(disappear))).toEqual({ type: 'disappear', afterMs: 0 })
  const content = new Uint8Array(32).fill(3)
  const sent = { content, key: new Uint8Array(32).fill(4), bytes: 12_345 }
  expect(payloadCodec.decode(hex(file))).toEqual({
    ...{ type: 'text', text: 'the map' },
    attachment: { kind: 'file', ...sent, name: 'карта.pdf', mediaType: 'application/pdf' },
  })
  expect(payloadCodec.decode(hex(picture))).toEqual({
    ...{ type: 'text', text: '' },
    attachment: {
      ...{ kind: 'picture', ...sent, name: 'beach.webp', mediaType: 'image/webp' },
      ...{ width: 1200, height: 800, thumbnail: new Uint8Array(8).fill(5) },
    },
  })
  expect(payloadCodec.decode(hex(voice))).toEqual({
    ...{ type: 'text', text: '' },
    attachment: {
      ...{ kind: 'voice', ...sent, name: 'voice.webm', mediaType: 'audio/webm;codecs=opus' },
      ...{ durationMs: 12_000, waveform: Uint8Array.of(0, 128, 255) },
    },
  })
  const all = [payload, rich, edit, taken, react, unreact, disappear, file, picture, voice]
  for (const each of all) {
    expect(payloadCodec.encode(payloadCodec.decode(hex(each)))).toEqual(hex(each))
  }
  // Of the version before, where a message stood unsealed in its frame.
  const before = frozenTexts('chat-1.0.0')
  expect(payloadCodec.decode(hex(before['payload']))).toEqual(payloadCodec.decode(hex(payload)))
  expect(decodeEnvelope(hex(before['envelope']))).toEqual(decodeEnvelope(hex(envelope)))
  expect(decodeEnvelope(hex(erased))).toEqual({
    ...decodeEnvelope(hex(envelope)),
    payload: { id },
  })
  expect(decodeEnvelope(hex(envelope))).toMatchObject({ sequence: 7, clock: 12 })
  expect(decodeEnvelope(hex(first))).toMatchObject({ sequence: 1, previous: null, parent: null })
  for (const each of [envelope, first, erased]) {
    expect(encodeEnvelope(decodeEnvelope(hex(each)))).toEqual(hex(each))
  }
  expect(messageId(ANNA, BEN, hex(envelope))).toBe(id)
  for (const [name, vector] of Object.entries(frameVectors)) {
    const frame = frameCodec.decode(hex(vector))
    expect(frame.type).toBe(name === 'greeting' ? 'hello' : name)
    expect(frameCodec.encode(frame)).toEqual(hex(vector))
  }
  const { hello } = frozenTexts('contacts-1.0.0')
  expect(helloCodec.decode(hex(hello))).toMatchObject({ sinceMs: 1767225600000, mutual: true })
  expect(helloCodec.encode(helloCodec.decode(hex(hello)))).toEqual(hex(hello))
})
