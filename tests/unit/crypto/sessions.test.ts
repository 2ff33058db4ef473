import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NodeIdentity } from '#lib/crypto/api.ts'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { createKeyPair, type KeyPair } from '#lib/crypto/key-pair.ts'
import { SIZE_CLASSES } from '#lib/crypto/padding.ts'
import { KEM_SEED_BYTES } from '#lib/crypto/pqxdh.ts'
import { MAX_SKIPPED } from '#lib/crypto/ratchet/ratchet.ts'
import {
  accept,
  begin,
  canSealTo,
  MAX_SESSIONS,
  open,
  prekeysFor,
  readOffer,
  seal,
  SEAL_OVERHEAD_BYTES,
  type Session,
  type Sessions,
} from '#lib/crypto/sessions.ts'
import { sessionsCodec } from '#lib/crypto/sessions-codec.ts'
import type { Random } from '#lib/protocol/seams.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const identities = await Promise.all(
  [1, 2, 3].map((seed) => openIdentity(createSecrets(seededRandom(seed)))),
)

/** Somebody with prekeys of one kind and their sessions with one other, stored after each step. */
class Person {
  sessions: Sessions = []
  readonly identity: NodeIdentity
  readonly #random: Random
  readonly #signedPrekey: KeyPair
  readonly #kemSeed: Uint8Array

  constructor(identity: NodeIdentity, random: Random) {
    this.identity = identity
    this.#random = random
    this.#signedPrekey = createKeyPair(random)
    this.#kemSeed = random.bytes(KEM_SEED_BYTES)
  }

  begin(other: Person): void {
    const theirs = {
      identity: other.identity.publicKey,
      signedPrekey: other.#signedPrekey.publicKey,
      kemPrekey: ml_kem768.keygen(other.#kemSeed).publicKey,
      oneTimePrekey: null,
    }
    const ids = { prekeys: 1, oneTime: null }
    this.sessions = begin(this.sessions, this.identity, theirs, ids, 0, this.#random)
  }

  seal(text: string): Uint8Array {
    const { sessions, sealed } = seal(this.sessions, Buffer.from(text), this.#random)
    this.#store(sessions)
    return sealed
  }

  open(sealed: Uint8Array): string {
    const opened = open(this.sessions, sealed, this.#random) ?? this.#accept(sealed)
    this.#store(opened.sessions)
    return Buffer.from(opened.plaintext).toString()
  }

  #store(sessions: Sessions): void {
    this.sessions = sessionsCodec.decode(sessionsCodec.encode(sessions))
  }

  #accept(sealed: Uint8Array): ReturnType<typeof accept> {
    const secrets = {
      signedPrekey: this.#signedPrekey,
      kemSeed: this.#kemSeed,
      oneTimePrekey: null,
    }
    return accept(this.sessions, readOffer(this.identity, secrets, sealed), this.#random)
  }
}

function people(seed = 1): [Person, Person] {
  const random = seededRandom(seed)
  return [new Person(identities[0]!, random), new Person(identities[1]!, random)]
}

test('who has published can be written to, and answers', () => {
  const [anna, boris] = people()
  anna.begin(boris)
  const first = anna.seal('hello')
  expect(prekeysFor(first)).toEqual({ prekeys: 1, oneTime: null })
  expect(boris.open(first)).toBe('hello')
  expect(boris.sessions[0]!.id).toEqual(anna.sessions[0]!.id)
  expect(anna.open(boris.seal('hello yourself'))).toBe('hello yourself')
})

test('the head goes along until there is an answer', () => {
  const [anna, boris] = people()
  anna.begin(boris)
  const [one, two] = [anna.seal('one'), anna.seal('two')]
  expect(boris.open(two)).toBe('two')
  expect(boris.open(one)).toBe('one')
  expect(boris.sessions).toHaveLength(1)
  anna.open(boris.seal('answer'))
  const three = anna.seal('three')
  expect(prekeysFor(three)).toBeNull()
  expect(three.byteLength).toBeLessThan(one.byteLength)
})

test('lengths fall into classes', () => {
  const [anna, boris] = people()
  anna.begin(boris)
  const lengths = ['', 'a', 'a'.repeat(255)].map((text) => anna.seal(text).byteLength)
  expect(new Set(lengths)).toEqual(new Set([SIZE_CLASSES[0] + SEAL_OVERHEAD_BYTES]))
  expect(anna.seal('a'.repeat(256)).byteLength).toBe(SIZE_CLASSES[1] + SEAL_OVERHEAD_BYTES)
})

test('nothing can be sealed before a session', () => {
  const [anna] = people()
  expect(canSealTo(anna.sessions)).toBe(false)
  expect(() => anna.seal('early')).toThrow(RangeError)
})

test('both begin at once, and come to use one session', () => {
  const [anna, boris] = people()
  anna.begin(boris)
  boris.begin(anna)
  const [toBoris, toAnna] = [anna.seal('from Anna'), boris.seal('from Boris')]
  expect(boris.open(toBoris)).toBe('from Anna')
  expect(anna.open(toAnna)).toBe('from Boris')
  for (let turn = 0; turn < 2; turn++) {
    expect(boris.open(anna.seal('a'))).toBe('a')
    expect(anna.open(boris.seal('b'))).toBe('b')
  }
  expect(anna.sessions[0]!.id).toEqual(boris.sessions[0]!.id)
})

test('who has lost everything begins anew, and what was on the way still opens', () => {
  const [anna, boris] = people()
  anna.begin(boris)
  boris.open(anna.seal('before'))
  anna.open(boris.seal('before'))
  const late = anna.seal('late')
  anna.sessions = []
  anna.begin(boris)
  expect(boris.open(anna.seal('after'))).toBe('after')
  expect(boris.open(late)).toBe('late')
  // The late one is of the session that was lost, and yet Anna is to be reached again.
  boris.open(anna.seal('again'))
  expect(anna.open(boris.seal('welcome back'))).toBe('welcome back')
})

test('the longest sessions can be stored', () => {
  const [anna, boris] = people()
  anna.begin(boris)
  const [session] = anna.sessions as [Session]
  const key = new Uint8Array(32).fill(0xff)
  const keys = Array.from({ length: MAX_SKIPPED }, () => ({ number: 2 ** 32 - 1, key }))
  const ratchet = { ...session.ratchet, skipped: [{ header: key, keys }] }
  const longest = Array.from({ length: MAX_SESSIONS }, () => ({ ...session, ratchet }))
  expect(sessionsCodec.decode(sessionsCodec.encode(longest))).toEqual(longest)
})

test('as many sessions are kept as are allowed, those used last', () => {
  const [anna, boris] = people()
  for (let time = 0; time < MAX_SESSIONS + 2; time++) {
    anna.begin(boris)
    boris.open(anna.seal(`time ${time}`))
  }
  expect(boris.sessions).toHaveLength(MAX_SESSIONS)
  expect(boris.sessions[0]!.id).toEqual(anna.sessions[0]!.id)
})

describe('what is refused changes nothing', () => {
  test.each([
    ['nothing', () => new Uint8Array()],
    ['another kind', (sealed: Uint8Array) => sealed.map((byte, at) => (at === 0 ? 9 : byte))],
    ['half a head', (sealed: Uint8Array) => sealed.subarray(0, 600)],
    ['a head alone', (sealed: Uint8Array) => sealed.subarray(0, 1 + 8 + 32 + 1088 + 48)],
    [
      'a changed head',
      (sealed: Uint8Array) => sealed.map((byte, at) => (at === 50 ? byte ^ 1 : byte)),
    ],
    [
      'a changed id',
      (sealed: Uint8Array) => sealed.map((byte, at) => (at === 4 ? byte ^ 1 : byte)),
    ],
  ])('%s', (_, change) => {
    const [anna, boris] = people()
    anna.begin(boris)
    const sealed = anna.seal('hello')
    const before = structuredClone(boris.sessions)
    expect(() => boris.open(change(sealed))).toThrow(CannotOpenError)
    expect(boris.sessions).toEqual(before)
    expect(boris.open(sealed)).toBe('hello')
  })

  test('an opening that somebody else has copied', () => {
    const [anna, boris] = people()
    const carol = new Person(identities[2]!, seededRandom(3))
    anna.begin(boris)
    const sealed = anna.seal('hello')
    expect(() => carol.open(sealed)).toThrow(CannotOpenError)
  })
})

test('whatever a network does, and whoever begins when, all that arrives opens once', () => {
  const step = fc.record({
    type: fc.constantFrom('seal', 'deliver', 'again', 'begin', 'seal', 'deliver'),
    side: fc.nat(1),
    which: fc.nat(30),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, seed) => {
      const both = people(seed)
      const sent: { text: string; sealed: Uint8Array; opened: boolean }[][] = [[], []]
      let begun = 0
      for (const { type, side, which } of steps) {
        const [from, to] = [both[side]!, both[1 - side]!]
        if (type === 'begin' || (type === 'seal' && !canSealTo(from.sessions))) {
          // More would be forgotten, and what was sealed in them lost: that is told elsewhere.
          if (begun === MAX_SESSIONS) continue
          begun += 1
          from.begin(to)
        }
        if (type === 'seal') {
          const text = `${side}:${sent[side]!.length}`
          sent[side]!.push({ text, sealed: from.seal(text), opened: false })
        }
        const message = sent[side]!.at(which % Math.max(1, sent[side]!.length))
        if (message === undefined) continue
        if (type === 'deliver' && !message.opened) {
          expect(to.open(message.sealed)).toBe(message.text)
          message.opened = true
        } else if (type === 'again' && message.opened) {
          expect(() => to.open(message.sealed)).toThrow(CannotOpenError)
        }
      }
      for (const [side, messages] of sent.entries()) {
        for (const { text, sealed, opened } of messages) {
          if (!opened) expect(both[1 - side]!.open(sealed)).toBe(text)
        }
      }
    }),
    { numRuns: 30 },
  )
})
