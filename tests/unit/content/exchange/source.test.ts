import { expect, test } from 'vitest'
import { Source } from '#lib/content/exchange/source.ts'
import { PAGE_LEAVES } from '#lib/content/exchange/protocol.ts'
import { peerIdOf } from '#lib/protocol/ids.ts'

function sourceOf(): Source {
  return new Source({
    peer: peerIdOf(new Uint8Array(32).fill(1)),
    path: 'direct',
    topic: 0,
    send: () => undefined,
    connections: () => 1,
  })
}

test('what a source gained before the number of leaves was known counts beside what it told', () => {
  const source = sourceOf()
  source.has(0, Uint8Array.of(0b1000_0000))
  expect(source.gained(10)).toBe(false)
  expect(source.gained(PAGE_LEAVES + 3)).toBe(false)
  expect(source.leaves.length).toBe(0)
  expect(source.learn(PAGE_LEAVES + 8)).toEqual([0, 10, PAGE_LEAVES + 3])
  expect(source.leaves.count).toBe(3)
  expect(source.gained(11)).toBe(true)
})

test('leaves that a content does not have are not among those of a source', () => {
  const source = sourceOf()
  source.gained(9)
  source.gained(7)
  expect(source.learn(8)).toEqual([7])
})
