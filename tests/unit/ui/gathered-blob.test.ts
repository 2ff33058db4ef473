import { expect, test, vi } from 'vitest'
import { GatheredBlob, MAX_WAITING_PIECES } from '#lib/ui/gathered-blob.ts'

const pieceOf = (number: number) => Uint8Array.of(number, number + 1)

test('what is gathered is whole and in order, and nothing is given twice', async () => {
  const gathered = new GatheredBlob()
  const count = 2 * MAX_WAITING_PIECES + 3
  for (let number = 0; number < count; number += 1) gathered.add(pieceOf(number))
  expect(gathered.bytes).toBe(2 * count)
  for (const type of ['image/png', 'audio/mp4']) {
    const blob = gathered.whole(type)
    expect(blob.type).toBe(type)
    const bytes = new Uint8Array(await blob.arrayBuffer())
    expect([...bytes]).toEqual(Array.from({ length: count }, (_, at) => [...pieceOf(at)]).flat())
  }
  gathered.clear()
  expect(gathered.bytes).toBe(0)
  expect(gathered.whole('').size).toBe(0)
})

test('no more than so many pieces wait in memory', () => {
  const made: number[] = []
  vi.stubGlobal(
    'Blob',
    class extends Blob {
      constructor(parts: BlobPart[] = [], options?: BlobPropertyBag) {
        super(parts, options)
        made.push(parts.length)
      }
    },
  )
  const gathered = new GatheredBlob()
  for (let number = 0; number < 5 * MAX_WAITING_PIECES; number += 1) gathered.add(pieceOf(number))
  vi.unstubAllGlobals()
  // Each beside what was gathered before; the first is the empty one it begins with.
  expect(made).toEqual([0, ...new Array<number>(5).fill(1 + MAX_WAITING_PIECES)])
})
