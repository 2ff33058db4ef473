import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { describe, expect, onTestFinished, test } from 'vitest'
import { QuotaDatastore } from '#relay/dht/quota-datastore.ts'
import { QuotaError } from '#relay/errors.ts'
import {
  DHT_RECORD_LIFE_MS,
  DHT_SWEEP_MS,
  MAX_DHT_RECORDS,
  MAX_DHT_RECORDS_PER_PEER,
  MAX_DHT_RECORDS_PER_RELAY,
  MAX_DHT_VALUE_BYTES,
} from '#relay/limits.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

const VALUE = Uint8Array.of(1)

async function quotas({ datastore = new MemoryDatastore() } = {}) {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  let asker: string | null = null
  const store = new QuotaDatastore({
    datastore,
    clock,
    refusals,
    asker: () => asker,
    isRelay: (peer) => peer === 'relay',
  })
  await store.start()
  onTestFinished(() => store.stop())
  const put = async (who: string | null, name: string, value = VALUE): Promise<void> => {
    asker = who
    await store.put(new Key(name), value)
  }
  const fill = async (who: string | null, count: number, prefix = who): Promise<void> => {
    for (let n = 0; n < count; n += 1) await put(who, `/dht/record/${prefix}-${n}`)
  }
  return { clock, datastore, refusals, store, put, fill }
}

describe('the quota of the DHT', () => {
  test('keeps as many records of one peer as allowed, values and providers together', async () => {
    const { put, fill, refusals } = await quotas()
    await fill('ada', MAX_DHT_RECORDS_PER_PEER - 1)
    await put('ada', '/dht/provider/cid/ada')
    expect(refusals.counted).toEqual([])
    await expect(put('ada', '/dht/record/more')).rejects.toThrow(QuotaError)
    expect(refusals.counted).toEqual(['dht-records-per-peer'])
    await put('bob', '/dht/record/of-bob')
  })

  test('lets a full peer put again what it has put', async () => {
    const { put, fill } = await quotas()
    await fill('ada', MAX_DHT_RECORDS_PER_PEER)
    await put('ada', '/dht/record/ada-0')
  })

  test('keeps the share of a known relay', async () => {
    const { put, fill } = await quotas()
    await fill('relay', MAX_DHT_RECORDS_PER_RELAY)
    await expect(put('relay', '/dht/record/more')).rejects.toThrow(QuotaError)
  })

  test('keeps as many records in all as allowed', async () => {
    const { put, fill, refusals, store } = await quotas()
    await fill(null, MAX_DHT_RECORDS, 'own')
    expect(store.size).toBe(MAX_DHT_RECORDS)
    await expect(put('ada', '/dht/record/more')).rejects.toThrow(QuotaError)
    expect(refusals.counted).toEqual(['dht-records-total'])
  })

  test('keeps a value of the longest length, and none longer', async () => {
    const { put, refusals } = await quotas()
    await put('ada', '/dht/record/long', new Uint8Array(MAX_DHT_VALUE_BYTES))
    const longer = put('ada', '/dht/record/longer', new Uint8Array(MAX_DHT_VALUE_BYTES + 1))
    await expect(longer).rejects.toThrow(QuotaError)
    expect(refusals.counted).toEqual(['dht-value-too-large'])
  })

  test('does not touch what is not of the DHT', async () => {
    const { put, store } = await quotas()
    await put('ada', '/peers/x', new Uint8Array(MAX_DHT_VALUE_BYTES + 1))
    expect(store.size).toBe(0)
  })

  test('gives a deleted record back to the share', async () => {
    const { put, fill, store } = await quotas()
    await fill('ada', MAX_DHT_RECORDS_PER_PEER)
    await store.delete(new Key('/dht/record/ada-0'))
    await put('ada', '/dht/record/more')
  })

  test('counts what was there before a restart', async () => {
    const datastore = new MemoryDatastore()
    await datastore.put(new Key('/dht/record/old'), VALUE)
    const { store } = await quotas({ datastore })
    expect(store.size).toBe(1)
  })

  test('deletes what is past its life', async () => {
    const { put, clock, datastore, store } = await quotas()
    const old = new Key('/dht/record/old')
    await put('ada', old.toString())
    const sweeps = DHT_RECORD_LIFE_MS / DHT_SWEEP_MS
    for (let n = 1; n <= sweeps; n += 1) {
      expect(await datastore.has(old)).toBe(true)
      clock.advance(DHT_SWEEP_MS)
      await store.settled()
    }
    expect(await datastore.has(old)).toBe(false)
    await store.stop()
    expect(clock.pending).toBe(0)
  })
})
