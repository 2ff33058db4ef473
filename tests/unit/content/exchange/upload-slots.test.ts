import { expect, test } from 'vitest'
import { contentIdOf, sha256 } from '#lib/content/content-id.ts'
import { Holding } from '#lib/content/holding.ts'
import { Reader } from '#lib/content/exchange/reader.ts'
import {
  CHOKED_MS,
  SLOT_MS,
  UPLOAD_SLOTS,
  UploadSlots,
  type UploadSlotsInit,
} from '#lib/content/exchange/upload-slots.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryPartStore, newShelf } from '../../../fixtures/memory-part-store.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

/** Nobody gives us anything, and nothing is halted. */
const freely: UploadSlotsInit = { givenBy: () => 0, halts: () => false }

async function readers(count: number): Promise<Reader[]> {
  const components = { store: new MemoryPartStore(), sha256 }
  const holding = await Holding.open(contentIdOf(new Uint8Array(32)), newShelf(), components)
  return Array.from({ length: count }, (_, at) => {
    const reader = new Reader({
      peer: `reader ${at}` as PeerIdString,
      path: 'direct',
      topic: at,
      holding,
      send: () => undefined,
    })
    reader.interested = true
    return reader
  })
}

test('as many as there are slots are given to at once', async () => {
  const clock = new ManualClock()
  const slots = new UploadSlots({ clock, random: seededRandom(1) }, freely)
  const all = await readers(UPLOAD_SLOTS + 1)
  for (const reader of all) slots.add(reader)
  expect(all.filter(({ choked }) => !choked)).toHaveLength(UPLOAD_SLOTS)
  expect(all.at(-1)!.choked).toBe(true)
  slots.remove(all[0]!)
  expect(all.at(-1)!.choked).toBe(false)
  expect(clock.pending).toBe(0)
})

test('who was choked stays so for a moment, also where there is room', async () => {
  const clock = new ManualClock()
  const slots = new UploadSlots({ clock, random: seededRandom(1) }, freely)
  const all = await readers(UPLOAD_SLOTS + 1)
  const [idle, last] = [all[0]!, all.at(-1)!]
  for (const reader of all) slots.add(reader)
  idle.interested = false
  slots.settle()
  expect([idle.choked, last.choked]).toEqual([true, false])
  idle.interested = true
  last.interested = false
  slots.settle()
  expect(idle.choked).toBe(true)
  clock.advance(CHOKED_MS)
  expect(idle.choked).toBe(false)
  expect(clock.pending).toBe(0)
})

test('slots go to others in time, however often somebody comes to need something', async () => {
  const clock = new ManualClock()
  const slots = new UploadSlots({ clock, random: seededRandom(1) }, freely)
  const all = await readers(UPLOAD_SLOTS + 2)
  const [turning, last] = all.slice(-2)
  for (const reader of all) slots.add(reader)
  for (let passedMs = 0; passedMs < SLOT_MS + CHOKED_MS; passedMs += 500) {
    turning!.interested = !turning!.interested
    slots.settle()
    clock.advance(500)
  }
  expect(last!.choked).toBe(false)
})

test('everybody has a slot in turn', async () => {
  const clock = new ManualClock()
  const slots = new UploadSlots({ clock, random: seededRandom(1) }, freely)
  const all = await readers(30)
  for (const reader of all) slots.add(reader)
  const served = new Set<Reader>()
  for (let round = 0; round < 20; round += 1) {
    for (const reader of all) if (!reader.choked) served.add(reader)
    clock.advance(SLOT_MS)
    expect(all.filter(({ choked }) => !choked)).toHaveLength(UPLOAD_SLOTS)
  }
  expect(served.size).toBe(30)
  slots.stop()
  expect(clock.pending).toBe(0)
})

test('who gives to us most keeps a slot', async () => {
  const clock = new ManualClock()
  const all = await readers(UPLOAD_SLOTS + 4)
  const slots = new UploadSlots(
    { clock, random: seededRandom(1) },
    { ...freely, givenBy: (reader) => (reader === all[0] ? 1 : 0) },
  )
  for (const reader of all) slots.add(reader)
  for (let round = 0; round < 10; round += 1) {
    clock.advance(SLOT_MS)
    expect(all[0]!.choked).toBe(false)
  }
  slots.stop()
})

test('who needs nothing makes room at once for who does', async () => {
  const clock = new ManualClock()
  const slots = new UploadSlots({ clock, random: seededRandom(1) }, freely)
  const all = await readers(UPLOAD_SLOTS + 2)
  const [idle, ...others] = all as [Reader, ...Reader[]]
  idle.interested = false
  others.at(-1)!.interested = false
  for (const reader of all) slots.add(reader)
  expect(idle.choked).toBe(true)
  expect(others.at(-1)!.choked).toBe(true)
  expect(others.slice(0, -1).every(({ choked }) => !choked)).toBe(true)
  others[0]!.interested = false
  others.at(-1)!.interested = true
  slots.settle()
  expect(others[0]!.choked).toBe(true)
  expect(others.at(-1)!.choked).toBe(false)
  slots.stop()
})

test('who is first in line with one is not first with all', async () => {
  const next = new Set<number>()
  for (let seed = 1; seed <= 8; seed += 1) {
    const slots = new UploadSlots({ clock: new ManualClock(), random: seededRandom(seed) }, freely)
    // They come to all at the same time in the same order.
    const all = await readers(40)
    for (const reader of all) slots.add(reader)
    slots.remove(all[0]!)
    next.add(all.findLastIndex(({ choked }) => !choked))
    slots.stop()
  }
  expect(next.size).toBeGreaterThan(4)
})

test('of what is halted nobody is given, and others have their slots', async () => {
  const clock = new ManualClock()
  const all = await readers(UPLOAD_SLOTS + 2)
  const halted = new Set<Reader>()
  const slots = new UploadSlots(
    { clock, random: seededRandom(1) },
    { ...freely, halts: (reader) => halted.has(reader) },
  )
  for (const reader of all) slots.add(reader)
  const [first, second, ...others] = all as [Reader, Reader, ...Reader[]]
  for (const reader of [first, second]) halted.add(reader)
  slots.settle()
  clock.advance(3 * SLOT_MS)
  expect([first.choked, second.choked]).toEqual([true, true])
  expect(others.every(({ choked }) => !choked)).toBe(true)
  expect(clock.pending).toBe(0)
  const [gone, ...left] = others as [Reader, ...Reader[]]
  slots.remove(gone)
  halted.clear()
  slots.settle()
  expect([first, second, ...left].filter(({ choked }) => !choked)).toHaveLength(UPLOAD_SLOTS)
  slots.stop()
})
