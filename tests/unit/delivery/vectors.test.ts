/** What delivery says beside messages is still read, and made the same, byte for byte. */
import { expect, test } from 'vitest'
import { openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import { open, seal } from '#lib/crypto/sessions.ts'
import { sessionsCodec } from '#lib/crypto/sessions-codec.ts'
import { decodeContent, encodeContent, type Content, type Note } from '#lib/delivery/content.ts'
import { Devices, DexieDeviceStore } from '#lib/delivery/devices.ts'
import { frameCodec, type Frame } from '#lib/delivery/frames.ts'
import { keysCodec } from '#lib/delivery/keys.ts'
import { chainIdOf } from '#lib/protocol/ids.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { fromBase64, frozen, frozenBytes, type MessagingVector } from '../../fixtures/vectors.ts'

const identity = await openIdentity(
  secretsFrom(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)),
)
const relay = await signerOf(2)
const vectors = { ...frozenBytes('delivery-1'), ...frozenBytes('delivery-2') }
const chain = chainIdOf(new Uint8Array(16).fill(1))
const place = {
  relays: [{ key: relay.publicKey, address: 'relay.example.org' }],
  passes: [frozenBytes('mailbox-1')['pass']!],
}
const status: Note = {
  type: 'status',
  yours: { chain, received: 7, read: 5 },
  want: { first: 8, last: 9 },
  lost: true,
  place,
}

const contents: [string, Content][] = [
  ['status', { type: 'note', note: status }],
  [
    'status of who has nothing',
    { type: 'note', note: { ...status, yours: null, want: null, lost: false } },
  ],
  [
    'status with its number',
    {
      type: 'note',
      note: { ...status, number: [1_767_225_600_000, 12], anew: [1_767_000_000_000, 3] },
    },
  ],
  [
    'hello',
    {
      type: 'note',
      note: { type: 'hello', hello: frozenBytes('contacts-1.0.0')['hello']!, place },
    },
  ],
  ['message', { type: 'message', envelope: frozenBytes('chat-2.0.0')['envelope']! }],
]

test.each(contents)('what is sealed: %s', (name, content) => {
  expect(encodeContent(content)).toEqual(vectors[name])
  expect(decodeContent(vectors[name]!)).toEqual(content)
})

test('a note as it lies in a mailbox', () => {
  const { kept, messages } = frozen('messaging-1') as MessagingVector
  const sealed = vectors['sealed status']!
  const mine = sessionsCodec.decode(fromBase64(kept.anna))
  expect(seal(mine, vectors['status']!, seededRandom(6)).sealed).toEqual(sealed)
  let theirs = sessionsCodec.decode(fromBase64(kept.boris))
  for (const before of messages.slice(3)) {
    theirs = open(theirs, fromBase64(before), seededRandom(7))!.sessions
  }
  expect(open(theirs, sealed, seededRandom(7))!.plaintext).toEqual(vectors['status'])
})

test('frames that came with mailboxes', () => {
  const frames: [string, Frame][] = [
    ['place', { type: 'place', place }],
    ['device', { type: 'device', announcement: vectors['announcement']! }],
  ]
  for (const [name, frame] of frames) {
    expect(frameCodec.encode(frame)).toEqual(vectors[name])
    expect(frameCodec.decode(vectors[name]!)).toEqual(frame)
  }
})

test('keys that one gives another', () => {
  const given: [Uint8Array, Uint8Array | null] = [Uint8Array.of(1, 2), Uint8Array.of(3)]
  expect(keysCodec.encode(given)).toEqual(vectors['keys'])
  expect(keysCodec.decode(vectors['keys']!)).toEqual(given)
})

test('the announcement of an installation', async () => {
  const db = memoryDatabase()
  const id = new Uint8Array(16).fill(4)
  await db.device.put({ key: 'me', id, generation: 1_767_225_600, sinceMs: 0, replacedAtMs: null })
  const devices = new Devices(
    { identity, store: new DexieDeviceStore(db), clock: new ManualClock() },
    {
      onReplaced: () => {
        throw new Error('nobody takes its place')
      },
    },
  )
  expect(await devices.announcement()).toEqual(vectors['announcement'])
  expect(await devices.hearOwn(vectors['announcement']!)).toBe('this')
})
