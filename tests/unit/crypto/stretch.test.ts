import { argon2id } from '@noble/hashes/argon2.js'
import { expect, test } from 'vitest'
import { newStretching, stretch, stretchingSchema } from '#lib/crypto/stretch.ts'
import { check } from '#lib/protocol/check.ts'
import { systemRandom } from '#lib/protocol/seams.ts'

const little = { salt: new Uint8Array(16).fill(7), memoryKiB: 1_024, passes: 2, lanes: 4 }

test('the key is that of Argon2id, as another implementation has it', async () => {
  const theirs = argon2id('пароль', little.salt, { m: 1_024, t: 2, p: 4, dkLen: 32 })
  expect(await stretch('пароль', little)).toEqual(theirs)
})

test('every password and every salt has a key of its own', async () => {
  const keys = [
    await stretch('one', little),
    await stretch('two', little),
    await stretch('one', { ...little, salt: new Uint8Array(16) }),
  ]
  expect(new Set(keys.map(String)).size).toBe(3)
})

test('a password is the same however its letters are composed', async () => {
  expect(await stretch('e\u0301', little)).toEqual(await stretch('\u00e9', little))
})

test('what is used today is taken from a file, what would stop a phone is not', () => {
  const today = newStretching(systemRandom)
  expect(check(stretchingSchema, today)).toEqual(today)
  for (const much of [{ memoryKiB: 256 * 1_024 + 1 }, { passes: 13 }, { lanes: 5 }]) {
    expect(() => check(stretchingSchema, { ...today, ...much })).toThrow('Invalid')
  }
})
