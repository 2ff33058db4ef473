import { expect, test } from 'vitest'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { createOpeningKeys, openAsRelay, sealForRelay } from '#lib/crypto/relay-seal.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import { systemRandom } from '#lib/protocol/seams.ts'

const REQUEST = new TextEncoder().encode('help me reach somebody')
const ANSWER = new TextEncoder().encode('there they are')

test('a relay opens what is sealed for it, and who asked the answer', () => {
  const keys = createOpeningKeys(systemRandom)
  const { sealed, openAnswer } = sealForRelay(keys.published, REQUEST, systemRandom)
  const { request, sealAnswer } = openAsRelay(keys, sealed)
  expect(request).toEqual(REQUEST)
  expect(openAnswer(sealAnswer(ANSWER))).toEqual(ANSWER)
  expect(Buffer.from(sealed).includes(Buffer.from(REQUEST))).toBe(false)
})

test('two sealed requests have nothing in common', () => {
  const { published } = createOpeningKeys(systemRandom)
  const [one, two] = [1, 2].map(() => sealForRelay(published, REQUEST, systemRandom).sealed)
  const same = one!.filter((byte, at) => byte === two![at]).length
  expect(same).toBeLessThan(one!.byteLength / 10)
})

test('neither is opened with other keys, nor one as the other', () => {
  const keys = createOpeningKeys(systemRandom)
  const others = createOpeningKeys(systemRandom)
  const { sealed, openAnswer } = sealForRelay(keys.published, REQUEST, systemRandom)
  const mixed = [others, { ...keys, prekey: others.prekey }, { ...keys, kemSeed: others.kemSeed }]
  for (const each of mixed) expect(() => openAsRelay(each, sealed)).toThrow(CannotOpenError)
  const { sealAnswer } = openAsRelay(keys, sealed)
  const another = sealForRelay(keys.published, REQUEST, systemRandom)
  expect(() => another.openAnswer(sealAnswer(ANSWER))).toThrow(CannotOpenError)
  expect(() => openAnswer(sealed.subarray(-REQUEST.byteLength - 16))).toThrow(CannotOpenError)
})

test('no bit of it can be changed', () => {
  const keys = createOpeningKeys(systemRandom)
  const { sealed } = sealForRelay(keys.published, REQUEST, systemRandom)
  for (let at = 0; at < sealed.byteLength; at += 7) {
    const changed = Uint8Array.from(sealed)
    changed[at]! ^= 1 << (at & 7)
    expect(() => openAsRelay(keys, changed)).toThrow(StarlingError)
  }
})

test('a key that nobody can have is refused', () => {
  const { kemPrekey } = createOpeningKeys(systemRandom).published
  const zero = { prekey: new Uint8Array(32), kemPrekey }
  expect(() => sealForRelay(zero, REQUEST, systemRandom)).toThrow(CannotOpenError)
})
