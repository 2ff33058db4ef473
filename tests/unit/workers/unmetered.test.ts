import { expect, test } from 'vitest'
import { unmetered } from '#workers/unmetered.ts'

test.each([
  ['a browser that tells nothing', {}, true],
  ['a network whose kind is not told', { connection: {} }, true],
  ['a network at home', { connection: { type: 'wifi', saveData: false } }, true],
  ['a mobile network', { connection: { type: 'cellular' } }, false],
  ['a person who saves data', { connection: { type: 'wifi', saveData: true } }, false],
])('%s', (_who, navigator, costsNothing) => {
  expect(unmetered(navigator)()).toBe(costsNothing)
})

test('a network that is left for another counts as it is now', () => {
  const connection = { type: 'wifi' }
  const costsNothing = unmetered({ connection })
  expect(costsNothing()).toBe(true)
  connection.type = 'cellular'
  expect(costsNothing()).toBe(false)
})
