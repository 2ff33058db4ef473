import { expect, test } from 'vitest'
import { Bitfield } from '#lib/content/bitfield.ts'
import { Picker } from '#lib/content/exchange/picker.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

function fieldOf(length: number, set: readonly number[]): Bitfield {
  const field = new Bitfield(length)
  for (const index of set) field.set(index)
  return field
}

function pickerOf(has: readonly (readonly number[])[], length = 4): Picker {
  const picker = new Picker(length, seededRandom(1))
  for (let leaf = 0; leaf < length; leaf += 1) picker.put(leaf)
  for (const leaves of has) for (const leaf of leaves) picker.gained(leaf)
  return picker
}

const ALL = [0, 1, 2, 3]

test('the rarest that a source has comes first', () => {
  const picker = pickerOf([ALL, [0, 1, 3], [0, 3], [3]])
  const source = fieldOf(4, ALL)
  expect(ALL.map(() => picker.pick(source))).toEqual([2, 1, 0, 3])
  expect(picker.pick(source)).toBeNull()
  expect(picker.open).toBe(0)
})

test('what a source has not is not picked for it', () => {
  const picker = pickerOf([ALL, [1]])
  expect(picker.pick(fieldOf(4, [1]))).toBe(1)
  expect(picker.pick(fieldOf(4, [1]))).toBeNull()
  expect(picker.open).toBe(3)
})

test('what nobody has any more is not picked, and what comes back is', () => {
  const picker = pickerOf([[0]])
  picker.lost(0)
  expect(picker.sourcesOf(0)).toBe(0)
  expect(picker.pick(fieldOf(4, ALL))).toBeNull()
  picker.gained(0)
  expect(picker.pick(fieldOf(4, ALL))).toBe(0)
})

test('what was asked for in vain can be picked again', () => {
  const picker = pickerOf([ALL])
  const leaf = picker.pick(fieldOf(4, [2]))!
  expect(picker.pick(fieldOf(4, [2]))).toBeNull()
  picker.put(leaf)
  picker.put(leaf)
  expect(picker.open).toBe(4)
  expect(picker.pick(fieldOf(4, [2]))).toBe(2)
})

test('of equally rare ones any is picked: two readers seldom pick the same', () => {
  const length = 1_000
  const all = Array.from({ length }, (_, leaf) => leaf)
  const firsts = [1, 2, 3, 4, 5].map((seed) => {
    const picker = new Picker(length, seededRandom(seed))
    for (const leaf of all) {
      picker.put(leaf)
      picker.gained(leaf)
    }
    return picker.pick(fieldOf(length, all))
  })
  expect(new Set(firsts).size).toBe(5)
})
