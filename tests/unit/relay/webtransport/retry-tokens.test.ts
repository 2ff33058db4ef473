import { expect, test } from 'vitest'
import { RETRY_TOKEN_LIFE_MS } from '#relay/limits.ts'
import { RetryTokens } from '#relay/webtransport/retry-tokens.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const SENDER = { address: '192.0.2.1', port: 1_234, id: new Uint8Array(20).fill(1) }
const FIRST_ID = Buffer.from('0102030405060708', 'hex')

function tokens(seed = 1) {
  const clock = new ManualClock()
  return { clock, tokens: new RetryTokens({ clock, random: seededRandom(seed) }) }
}

test('a token gives back the first id, until its time is over', () => {
  const { clock, tokens: made } = tokens()
  const token = made.make(SENDER, FIRST_ID)
  clock.advance(RETRY_TOKEN_LIFE_MS)
  expect(made.firstIdOf(token, SENDER)).toEqual(FIRST_ID)
  clock.advance(1)
  expect(made.firstIdOf(token, SENDER)).toBeNull()
})

test('a token is for nobody else, and for no other connection', () => {
  const { tokens: made } = tokens()
  const token = made.make(SENDER, FIRST_ID)
  expect(made.firstIdOf(token, { ...SENDER, address: '192.0.2.2' })).toBeNull()
  expect(made.firstIdOf(token, { ...SENDER, port: 1 })).toBeNull()
  expect(made.firstIdOf(token, { ...SENDER, id: new Uint8Array(20) })).toBeNull()
})

test('what was changed, cut, or made by another is no token', () => {
  const { tokens: made } = tokens()
  const token = made.make(SENDER, FIRST_ID)
  for (let at = 0; at < token.byteLength; at += 1) {
    const changed = Buffer.from(token)
    changed[at]! ^= 1
    expect(made.firstIdOf(changed, SENDER)).toBeNull()
    expect(made.firstIdOf(token.subarray(0, at), SENDER)).toBeNull()
  }
  expect(tokens(2).tokens.firstIdOf(token, SENDER)).toBeNull()
})
