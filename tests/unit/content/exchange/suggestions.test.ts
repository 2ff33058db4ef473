import { expect, test } from 'vitest'
import { Bitfield } from '#lib/content/bitfield.ts'
import { contentIdOf, sha256 } from '#lib/content/content-id.ts'
import { Reader } from '#lib/content/exchange/reader.ts'
import { MAX_SUGGESTED, Suggestions } from '#lib/content/exchange/suggestions.ts'
import { Holding } from '#lib/content/holding.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { MemoryPartStore, newShelf } from '../../../fixtures/memory-part-store.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

function fullField(length: number): Bitfield {
  const field = new Bitfield(length)
  for (let leaf = 0; leaf < length; leaf += 1) field.set(leaf)
  return field
}

async function reader(number: number): Promise<Reader> {
  const components = { store: new MemoryPartStore(), sha256 }
  return new Reader({
    peer: `reader ${number}` as PeerIdString,
    path: 'direct',
    topic: 0,
    holding: await Holding.open(contentIdOf(new Uint8Array(32)), newShelf(), components),
    send: () => undefined,
  })
}

test('no two readers are suggested the same, and nobody too much', async () => {
  const suggestions = new Suggestions(fullField(20), seededRandom(1))
  const all = [await reader(1), await reader(2), await reader(3)]
  const some = all.flatMap((each) => suggestions.next(each))
  expect(new Set(some).size).toBe(3 * MAX_SUGGESTED)
  expect(suggestions.next(all[0]!)).toEqual([])
})

test('every leaf is suggested once before one comes again', async () => {
  const suggestions = new Suggestions(fullField(10), seededRandom(1))
  const one = await reader(1)
  const given: number[] = []
  while (given.length < 20) {
    for (const leaf of suggestions.next(one)) {
      given.push(leaf)
      suggestions.gave(leaf)
    }
  }
  expect(new Set(given.slice(0, 8)).size).toBe(8)
  for (let leaf = 0; leaf < 10; leaf += 1) {
    expect(given.filter((each) => each === leaf).length).toBeGreaterThan(0)
  }
})

test('what was asked for makes room for more, and is suggested to nobody else', async () => {
  const suggestions = new Suggestions(fullField(2 * MAX_SUGGESTED + 1), seededRandom(1))
  const [one, two] = [await reader(1), await reader(2)]
  const first = suggestions.next(one)
  for (const leaf of first) suggestions.asked(one, leaf)
  const more = suggestions.next(one)
  expect(more).toHaveLength(MAX_SUGGESTED)
  const [left] = suggestions.next(two)
  expect([...first, ...more]).not.toContain(left)
  suggestions.release(one)
  expect(suggestions.next(two)).toHaveLength(MAX_SUGGESTED - 1)
})

test('what a reader passes over is for others', async () => {
  const suggestions = new Suggestions(fullField(MAX_SUGGESTED), seededRandom(1))
  const [one, two] = [await reader(1), await reader(2)]
  const leaves = suggestions.next(one)
  suggestions.asked(one, leaves[2]!)
  expect(suggestions.next(two).sort()).toEqual(leaves.slice(0, 2).sort())
  suggestions.asked(one, 99)
  expect(suggestions.next(two)).toEqual([leaves[3]])
})

test('what somebody was given by chance, or was choked before they asked for, is for others', async () => {
  const suggestions = new Suggestions(fullField(MAX_SUGGESTED), seededRandom(1))
  const [one, two] = [await reader(1), await reader(2)]
  const first = suggestions.next(one)
  expect(first).toHaveLength(MAX_SUGGESTED)
  expect(suggestions.next(two)).toEqual([])
  suggestions.gave(first[0]!)
  expect(suggestions.next(two)).toEqual([first[0]])
  suggestions.release(one)
  expect(suggestions.next(two).sort()).toEqual(first.slice(1).sort())
})
