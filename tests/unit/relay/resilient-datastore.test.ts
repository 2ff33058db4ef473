import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { describe, expect, test } from 'vitest'
import { DISK_RETRY_MS, MAX_UNWRITTEN_BYTES, MAX_UNWRITTEN_ENTRIES } from '#relay/limits.ts'
import { type Disk, ResilientDatastore } from '#relay/store/resilient-datastore.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

const KEY = new Key('/a')

/** A disk that can be full, and then stays broken until it recovers, as LevelDB does. */
class FullableDisk extends MemoryDatastore implements Disk {
  full = false
  /** Called before each write. */
  onWrite: () => void = () => undefined
  #broken = false

  override put(...args: Parameters<MemoryDatastore['put']>): Key {
    this.onWrite()
    this.#write()
    return super.put(...args) as Key
  }

  override delete(...args: Parameters<MemoryDatastore['delete']>): void {
    this.#write()
    void super.delete(...args)
  }

  recover(): Promise<void> {
    if (this.full) return Promise.reject(new Error('ENOSPC'))
    this.#broken = false
    return Promise.resolve()
  }

  #write(): void {
    this.#broken ||= this.full
    if (this.#broken) throw new Error('ENOSPC')
  }
}

function store() {
  const disk = new FullableDisk()
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const ignore = (): void => undefined
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  return { disk, clock, refusals, store: new ResilientDatastore({ disk, clock, log, refusals }) }
}

async function keys(datastore: ResilientDatastore): Promise<string[]> {
  const found: string[] = []
  for await (const key of datastore.queryKeys({ prefix: '/' })) found.push(key.toString())
  return found.toSorted()
}

describe('a store on a full disk', () => {
  test('answers with what it could not write', async () => {
    const { disk, store: resilient, refusals } = store()
    await resilient.put(new Key('/before'), Uint8Array.of(1))
    disk.full = true
    await resilient.put(KEY, Uint8Array.of(2))
    await resilient.delete(new Key('/before'))
    expect(await resilient.get(KEY)).toEqual(Uint8Array.of(2))
    expect(await resilient.has(new Key('/before'))).toBe(false)
    await expect(resilient.get(new Key('/before'))).rejects.toThrow()
    expect(await keys(resilient)).toEqual(['/a'])
    expect(refusals.counted).toEqual(['disk-write', 'disk-write'])
    await resilient.stop()
  })

  test('writes it when there is room again', async () => {
    const { disk, clock, store: resilient } = store()
    disk.full = true
    await resilient.put(KEY, Uint8Array.of(2))
    clock.advance(DISK_RETRY_MS)
    disk.full = false
    expect(disk.has(KEY)).toBe(false)
    await resilient.settled()
    clock.advance(DISK_RETRY_MS)
    await resilient.settled()
    expect(disk.get(KEY)).toEqual(Uint8Array.of(2))
    expect(resilient.unwritten).toBe(0)
    await resilient.put(new Key('/b'), Uint8Array.of(3))
    expect(disk.has(new Key('/b'))).toBe(true)
    expect(clock.pending).toBe(0)
  })

  test('keeps as many entries as allowed and forgets the oldest', async () => {
    const { disk, store: resilient } = store()
    disk.full = true
    for (let n = 0; n <= MAX_UNWRITTEN_ENTRIES; n += 1) {
      await resilient.put(new Key(`/${n}`), Uint8Array.of(1))
    }
    expect(resilient.unwritten).toBe(MAX_UNWRITTEN_ENTRIES)
    expect(await resilient.has(new Key('/0'))).toBe(false)
    expect(await resilient.has(new Key('/1'))).toBe(true)
    await resilient.stop()
  })

  test('writes also what came while it was writing', async () => {
    const { disk, clock, store: resilient } = store()
    disk.full = true
    await resilient.put(KEY, Uint8Array.of(1))
    disk.full = false
    const late: Promise<unknown>[] = []
    disk.onWrite = () => {
      disk.onWrite = () => undefined
      late.push(resilient.put(new Key('/late'), Uint8Array.of(2)))
    }
    clock.advance(DISK_RETRY_MS)
    await resilient.settled()
    await Promise.all(late)
    expect(late).toHaveLength(1)
    expect(disk.has(KEY)).toBe(true)
    expect(disk.has(new Key('/late'))).toBe(true)
    expect(resilient.unwritten).toBe(0)
  })

  test('keeps as many bytes as allowed and forgets the oldest', async () => {
    const { disk, store: resilient } = store()
    disk.full = true
    const key = (n: number) => new Key(`/${n}`)
    const half = new Uint8Array(MAX_UNWRITTEN_BYTES / 2 - key(1).toString().length)
    await resilient.put(key(1), half)
    await resilient.put(key(2), half)
    await resilient.put(key(2), half)
    expect(resilient.unwritten).toBe(2)
    await resilient.delete(key(3))
    expect(resilient.unwritten).toBe(2)
    expect(await resilient.has(key(1))).toBe(false)
    expect(await resilient.has(key(2))).toBe(true)
    await resilient.stop()
  })

  test('stops without a timer left', async () => {
    const { disk, clock, store: resilient } = store()
    disk.full = true
    await resilient.put(KEY, Uint8Array.of(2))
    await resilient.stop()
    expect(clock.pending).toBe(0)
  })

  test('stops without a timer left in the middle of a retry', async () => {
    const { disk, clock, store: resilient } = store()
    disk.full = true
    await resilient.put(KEY, Uint8Array.of(2))
    clock.advance(DISK_RETRY_MS)
    await resilient.stop()
    expect(clock.pending).toBe(0)
  })

  test('once stopped it neither touches the disk nor tries again', async () => {
    const { disk, clock, store: resilient, refusals } = store()
    await resilient.stop()
    disk.full = true
    await resilient.put(KEY, Uint8Array.of(2))
    await resilient.delete(KEY)
    expect(disk.has(KEY)).toBe(false)
    expect(refusals.counted).toEqual([])
    expect(clock.pending).toBe(0)
  })
})
