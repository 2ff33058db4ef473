import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { createKeyPair } from '#lib/crypto/key-pair.ts'
import {
  beginAsFirst,
  beginAsSecond,
  canSeal,
  MAX_SKIP,
  MAX_SKIPPED,
  open,
  RATCHET_OVERHEAD_BYTES,
  seal,
  type RatchetState,
} from '#lib/crypto/ratchet/ratchet.ts'
import type { Random } from '#lib/protocol/seams.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const AD = Uint8Array.of(1, 2, 3)

/** Somebody with one session, who stores each state before anything else happens. */
class Side {
  state: RatchetState
  readonly #random: Random

  constructor(state: RatchetState, random: Random) {
    this.state = state
    this.#random = random
  }

  seal(text: string, associated = AD): Uint8Array {
    const { state, sealed } = seal(this.state, Buffer.from(text), associated, this.#random)
    this.state = structuredClone(state)
    return sealed
  }

  open(sealed: Uint8Array, associated = AD): string {
    const { state, plaintext } = open(this.state, sealed, associated, this.#random)
    this.state = structuredClone(state)
    return Buffer.from(plaintext).toString()
  }
}

function pair(seed = 1): [Side, Side] {
  const random = seededRandom(seed)
  const agreed = random.bytes(32)
  const prekey = createKeyPair(random)
  return [
    new Side(beginAsFirst(agreed, prekey.publicKey, random), random),
    new Side(beginAsSecond(agreed, prekey), random),
  ]
}

test('a conversation goes both ways, turn by turn', () => {
  const [anna, boris] = pair()
  for (let turn = 0; turn < 5; turn++) {
    expect(boris.open(anna.seal(`hello ${turn}`))).toBe(`hello ${turn}`)
    expect(boris.open(anna.seal('and again'))).toBe('and again')
    expect(anna.open(boris.seal(`привет ${turn}`))).toBe(`привет ${turn}`)
  }
})

test('the second side waits for the first', () => {
  const [anna, boris] = pair()
  expect(canSeal(anna.state)).toBe(true)
  expect(canSeal(boris.state)).toBe(false)
  expect(() => boris.seal('too early')).toThrow(RangeError)
  boris.open(anna.seal('now'))
  expect(canSeal(boris.state)).toBe(true)
})

test('sealing adds what is announced, and shows nothing twice', () => {
  const [anna] = pair()
  const [one, two] = [anna.seal('same'), anna.seal('same')]
  expect(one.byteLength).toBe(4 + RATCHET_OVERHEAD_BYTES)
  const shared = one.filter((byte, at) => byte === two[at]).byteLength
  expect(shared).toBeLessThan(16)
})

test('messages open in any order, over turns', () => {
  const [anna, boris] = pair()
  const early = ['a1', 'a2', 'a3'].map((text) => anna.seal(text))
  boris.open(early[2]!)
  anna.open(boris.seal('b1'))
  const later = ['a4', 'a5'].map((text) => anna.seal(text))
  expect(boris.open(later[1]!)).toBe('a5')
  expect(boris.open(early[0]!)).toBe('a1')
  expect(boris.open(later[0]!)).toBe('a4')
  expect(boris.open(early[1]!)).toBe('a2')
  expect(boris.state.skipped).toEqual([])
})

test.each([
  ['that came just before', 0],
  ['from an earlier turn', 1],
])('a message %s opens once', (_, turns) => {
  const [anna, boris] = pair()
  const message = anna.seal('once')
  boris.open(message)
  for (let turn = 0; turn < turns; turn++) {
    anna.open(boris.seal('b'))
    boris.open(anna.seal('a'))
  }
  expect(() => boris.open(message)).toThrow(CannotOpenError)
})

test('a message that was skipped opens once', () => {
  const [anna, boris] = pair()
  const late = anna.seal('late')
  boris.open(anna.seal('first'))
  boris.open(late)
  expect(() => boris.open(late)).toThrow(CannotOpenError)
})

describe('what is refused changes nothing', () => {
  const cases: [string, (sealed: Uint8Array) => Uint8Array][] = [
    ['nothing', () => new Uint8Array()],
    ['too little', (sealed) => sealed.subarray(0, RATCHET_OVERHEAD_BYTES - 1)],
    ['a changed header', (sealed) => flipped(sealed, 30)],
    ['a changed text', (sealed) => flipped(sealed, sealed.byteLength - 20)],
    ['a changed end', (sealed) => flipped(sealed, sealed.byteLength - 1)],
  ]
  test.each(cases)('%s', (_, change) => {
    const [anna, boris] = pair()
    boris.open(anna.seal('one'))
    const late = anna.seal('two')
    const message = anna.seal('three')
    const before = structuredClone(boris.state)
    expect(() => boris.open(change(message))).toThrow(CannotOpenError)
    expect(boris.state).toEqual(before)
    expect(boris.open(message)).toBe('three')
    expect(() => boris.open(change(late))).toThrow(CannotOpenError)
    expect(boris.open(late)).toBe('two')
  })

  test('other associated data', () => {
    const [anna, boris] = pair()
    expect(() => boris.open(anna.seal('bound'), Uint8Array.of(9))).toThrow(CannotOpenError)
  })

  test('somebody else’s message', () => {
    const [anna] = pair(1)
    const [, boris] = pair(2)
    expect(() => boris.open(anna.seal('for another'))).toThrow(CannotOpenError)
  })
})

test('as many messages may be missing as are allowed, and not one more', () => {
  const [anna, boris] = pair()
  boris.open(anna.seal('first'))
  const messages = Array.from({ length: MAX_SKIP + 2 }, (_, at) => anna.seal(`m${at}`))
  expect(() => boris.open(messages[MAX_SKIP + 1]!)).toThrow(CannotOpenError)
  expect(boris.open(messages[MAX_SKIP]!)).toBe(`m${MAX_SKIP}`)
  expect(boris.open(messages[0]!)).toBe('m0')
})

test('keys of messages that never come are forgotten, the oldest first', () => {
  const [anna, boris] = pair()
  const lost: Uint8Array[] = []
  for (let turn = 0; turn < 3; turn++) {
    for (let message = 0; message < MAX_SKIP; message++) lost.push(anna.seal('lost'))
    boris.open(anna.seal('came'))
    anna.open(boris.seal('turn'))
  }
  const kept = boris.state.skipped.reduce((sum, { keys }) => sum + keys.length, 0)
  expect(kept).toBe(MAX_SKIPPED)
  expect(() => boris.open(lost[0]!)).toThrow(CannotOpenError)
  expect(boris.open(lost.at(-1)!)).toBe('lost')
})

test('a stolen state does not open what was opened before it, nor what comes after both have turned', () => {
  const [anna, boris] = pair()
  const past = anna.seal('past')
  boris.open(past)
  const thief = new Side(structuredClone(boris.state), seededRandom(9))
  expect(() => thief.open(past)).toThrow(CannotOpenError)
  anna.open(boris.seal('b'))
  boris.open(anna.seal('a'))
  anna.open(boris.seal('b'))
  expect(() => thief.open(anna.seal('healed'))).toThrow(CannotOpenError)
})

test('whatever a network does, each message opens at most once and as it was sealed', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('seal' as const), side: fc.nat(1) }),
    fc.record({ type: fc.constant('deliver' as const), side: fc.nat(1), which: fc.nat(30) }),
    fc.record({ type: fc.constant('again' as const), side: fc.nat(1), which: fc.nat(30) }),
    fc.record({
      type: fc.constant('damage' as const),
      side: fc.nat(1),
      which: fc.nat(30),
      at: fc.nat(200),
    }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      const sides = pair(seed)
      const sent: { text: string; sealed: Uint8Array }[][] = [[], []]
      const opened: Set<string>[] = [new Set(), new Set()]
      for (const each of steps) {
        const side = sides[each.side]!
        if (each.type === 'seal') {
          if (!canSeal(side.state)) continue
          const text = `${each.side}:${sent[each.side]!.length}`
          sent[each.side]!.push({ text, sealed: side.seal(text) })
          continue
        }
        const to = 1 - each.side
        const message = sent[each.side]!.at(each.which % Math.max(1, sent[each.side]!.length))
        if (message === undefined) continue
        if (each.type === 'damage') {
          expect(() => sides[to]!.open(flipped(message.sealed, each.at))).toThrow(CannotOpenError)
        } else if (opened[to]!.has(message.text)) {
          expect(() => sides[to]!.open(message.sealed)).toThrow(CannotOpenError)
        } else {
          expect(sides[to]!.open(message.sealed)).toBe(message.text)
          opened[to]!.add(message.text)
        }
      }
      for (const [from, messages] of sent.entries()) {
        for (const { text, sealed } of messages) {
          if (!opened[1 - from]!.has(text)) expect(sides[1 - from]!.open(sealed)).toBe(text)
        }
      }
    }),
    { numRuns: 150 },
  )
})

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at % bytes.byteLength ? byte ^ 1 : byte))
}
