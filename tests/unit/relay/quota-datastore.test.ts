import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { Libp2pRecord } from '@libp2p/record'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PEER_RECORD_LIFE_MS, peerRecordKey, sealPeerRecord } from '#lib/protocol/peer-record.ts'
import { PROVIDER_LIFE_MS } from '#lib/protocol/providers.ts'
import { sealSignpost, SIGNPOST_LIFE_MS, signpostKey } from '#lib/protocol/signpost.ts'
import { type DhtPlaces, QuotaDatastore } from '#relay/dht/quota-datastore.ts'
import { QuotaError, StaleRecordError } from '#relay/errors.ts'
import {
  DHT_RECORD_LIFE_MS,
  DHT_SWEEP_MS,
  MAX_DHT_RECORDS,
  MAX_DHT_RECORDS_PER_PEER,
  MAX_DHT_RECORDS_PER_RELAY,
  MAX_DHT_VALUE_BYTES,
} from '#relay/limits.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { CountingRefusals } from './counting-refusals.ts'

/** A value that says nothing of its age, as kad-dht stores it. */
function stored(timeReceived: Date, value: Uint8Array = Uint8Array.of(1)): Uint8Array {
  return new Libp2pRecord(Uint8Array.of(1), value, timeReceived).serialize().subarray()
}

/** A peer record made then, as kad-dht stores it. */
async function storedPeerRecord(madeAtMs: number, timeReceived: Date): Promise<Uint8Array> {
  const { peer, ...signer } = await signerOf(1)
  const record = {
    peer,
    relays: [],
    sequence: madeAtMs,
    expiresAtMs: madeAtMs + PEER_RECORD_LIFE_MS,
  }
  const value = await sealPeerRecord(record, signer)
  return new Libp2pRecord(peerRecordKey(peer), value, timeReceived).serialize().subarray()
}

/** A signpost made then, as kad-dht stores it. */
async function storedSignpost(madeAtMs: number, timeReceived: Date): Promise<Uint8Array> {
  const owner = await signerOf(1)
  const signpost = {
    mailbox: owner.publicKey,
    sealed: new Uint8Array(9),
    sequence: madeAtMs,
    expiresAtMs: madeAtMs + SIGNPOST_LIFE_MS,
  }
  const value = await sealSignpost(signpost, owner)
  return new Libp2pRecord(signpostKey(owner.publicKey), value, timeReceived).serialize().subarray()
}

const VALUE = stored(new Date(new ManualClock().now()))

interface Quotas {
  datastore?: MemoryDatastore
  clock?: ManualClock
  places?: DhtPlaces
}

async function quotas({
  datastore = new MemoryDatastore(),
  clock = new ManualClock(),
  places,
}: Quotas = {}) {
  const refusals = new CountingRefusals()
  let asker: string | null = null
  const store = new QuotaDatastore(
    {
      datastore,
      self: 'self',
      clock,
      refusals,
      asker: () => asker,
      isRelay: (peer) => peer === 'relay',
    },
    places,
  )
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

  test('has forgotten after a restart that the relay itself provides something', async () => {
    const { store, put, datastore } = await quotas()
    await put(null, '/dht/provider/one/self')
    await put('ada', '/dht/provider/one/ada')
    await store.stop()
    const again = await quotas({ datastore })
    expect(again.store.size).toBe(1)
    expect(await datastore.has(new Key('/dht/provider/one/self'))).toBe(false)
    expect(await datastore.has(new Key('/dht/provider/one/ada'))).toBe(true)
  })

  test('keeps the share of a known relay', async () => {
    const { put, fill } = await quotas()
    await fill('relay', MAX_DHT_RECORDS_PER_RELAY)
    await expect(put('relay', '/dht/record/more')).rejects.toThrow(QuotaError)
  })

  test('keeps as many records in all as allowed, and takes a new one for an old one', async () => {
    const { put, fill, refusals, store, datastore } = await quotas()
    await fill(null, MAX_DHT_RECORDS, 'own')
    expect(refusals.counted).toEqual([])
    expect(store.size).toBe(MAX_DHT_RECORDS)
    await put('ada', '/dht/record/more')
    expect(refusals.counted).toEqual(['dht-records-total'])
    expect(store.size).toBe(MAX_DHT_RECORDS)
    expect(datastore.has(new Key('/dht/record/more'))).toBe(true)
    expect(datastore.has(new Key('/dht/record/own-0'))).toBe(false)
    expect(datastore.has(new Key('/dht/record/own-1'))).toBe(true)
  })

  test('strangers who fill it lose their own oldest, not others theirs', async () => {
    const { put, fill, store, datastore } = await quotas()
    await fill(null, 1_000, 'own')
    await fill('relay', 1_000)
    await put('ada', '/dht/record/of-ada')
    for (let n = 0; store.size < MAX_DHT_RECORDS; n += 1) {
      await fill(`stranger-${n}`, Math.min(MAX_DHT_RECORDS_PER_PEER, MAX_DHT_RECORDS - store.size))
    }
    await fill('latecomer', MAX_DHT_RECORDS_PER_PEER)
    await put(null, '/dht/record/own-new')
    const has = async (name: string): Promise<boolean> => await datastore.has(new Key(name))
    expect(store.size).toBe(MAX_DHT_RECORDS)
    expect(await has('/dht/record/of-ada')).toBe(true)
    expect(await has('/dht/record/own-0')).toBe(true)
    expect(await has('/dht/record/own-new')).toBe(true)
    expect(await has('/dht/record/relay-0')).toBe(true)
    expect(await has('/dht/record/stranger-0-0')).toBe(false)
    expect(await has(`/dht/record/stranger-0-${MAX_DHT_RECORDS_PER_PEER - 1}`)).toBe(true)
  })

  test('a record the relay puts for its client is its own, whoever was faster', async () => {
    const { put, fill } = await quotas()
    await fill('ada', MAX_DHT_RECORDS_PER_PEER)
    await put(null, '/dht/record/ada-0')
    await put('ada', '/dht/record/more')
    await expect(put('ada', '/dht/record/and-more')).rejects.toThrow(QuotaError)
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

  test('deletes a peer record when its validity is over, however often it is put', async () => {
    const datastore = new MemoryDatastore()
    const key = new Key('/dht/record/of-ada')
    const clock = new ManualClock()
    const madeAtMs = clock.now()
    clock.advance(PEER_RECORD_LIFE_MS - 2 * DHT_SWEEP_MS)
    const again = await storedPeerRecord(madeAtMs, new Date(clock.now()))
    // A restart makes it no younger.
    await datastore.put(key, again)
    const { put, store } = await quotas({ datastore, clock })
    clock.advance(DHT_SWEEP_MS)
    await store.settled()
    await put('ada', key.toString(), again)
    expect(datastore.has(key)).toBe(true)
    clock.advance(DHT_SWEEP_MS)
    await store.settled()
    expect(datastore.has(key)).toBe(false)
  })

  test('gives a signpost for as long as it stands, which kad-dht ends 48 h after it came', async () => {
    const { put, store, clock } = await quotas()
    const madeAtMs = clock.now()
    const key = new Key('/dht/record/signpost')
    const stored = await storedSignpost(madeAtMs, new Date(madeAtMs))
    await put('ada', key.toString(), stored)
    await put('ada', '/dht/record/other')
    clock.advance(SIGNPOST_LIFE_MS - 1)
    const { timeReceived, value } = Libp2pRecord.deserialize(await store.get(key))
    expect(timeReceived.getTime()).toBe(clock.now())
    expect(value).toEqual(Libp2pRecord.deserialize(stored).value)
    clock.advance(1)
    // It has expired: the sweep has not come yet.
    expect(await store.get(key)).toEqual(stored)
    expect(await store.get(new Key('/dht/record/other'))).toEqual(VALUE)
  })

  test('keeps the newer signpost', async () => {
    const { put, store, clock, datastore } = await quotas()
    const name = '/dht/record/signpost'
    const [older, newer] = await Promise.all(
      [1, 2].map((ms) => storedSignpost(clock.now() + ms, new Date(clock.now()))),
    )
    await put('ada', name, newer)
    for (const who of ['ada', 'bob', null]) {
      await expect(put(who, name, older)).rejects.toThrow(StaleRecordError)
    }
    await put('bob', name, newer)
    await store.stop()
    // Also after a restart.
    const again = await quotas({ datastore, clock })
    await expect(again.put('bob', name, older)).rejects.toThrow(StaleRecordError)
    expect(await datastore.get(new Key(name))).toEqual(newer)
  })

  test('has other places for signposts than for records', async () => {
    const { put, store, clock, refusals, datastore } = await quotas({
      places: { record: 2, signpost: 2 },
    })
    const signpost = await storedSignpost(clock.now(), new Date(clock.now()))
    for (const name of ['record-1', 'record-2']) await put('ada', `/dht/record/${name}`)
    for (const name of ['signpost-1', 'signpost-2'])
      await put('ada', `/dht/record/${name}`, signpost)
    expect(store.size).toBe(4)
    expect(refusals.counted).toEqual([])
    await put('ada', '/dht/record/signpost-3', signpost)
    expect(refusals.counted).toEqual(['dht-records-total'])
    expect(datastore.has(new Key('/dht/record/signpost-1'))).toBe(false)
    expect(datastore.has(new Key('/dht/record/record-1'))).toBe(true)
  })

  test('lets a peer put as many signposts as other records', async () => {
    const { put, fill, clock } = await quotas()
    const signpost = await storedSignpost(clock.now(), new Date(clock.now()))
    await fill('ada', MAX_DHT_RECORDS_PER_PEER)
    for (let n = 0; n < MAX_DHT_RECORDS_PER_PEER; n += 1) {
      await put('ada', `/dht/record/signpost-${n}`, signpost)
    }
    await expect(put('ada', '/dht/record/signpost', signpost)).rejects.toThrow(QuotaError)
  })

  test('deletes what nobody can read', async () => {
    const datastore = new MemoryDatastore()
    await datastore.put(new Key('/dht/record/broken'), Uint8Array.of(0xff))
    const { clock, store } = await quotas({ datastore })
    clock.advance(DHT_SWEEP_MS)
    await store.settled()
    expect(store.size).toBe(0)
  })

  test.each([
    ['/dht/record/old', DHT_RECORD_LIFE_MS],
    ['/dht/provider/cid/ada', PROVIDER_LIFE_MS],
  ])('deletes %s after its life', async (name, lifeMs) => {
    const { put, clock, datastore, store } = await quotas()
    const old = new Key(name)
    await put('ada', old.toString())
    const sweeps = lifeMs / DHT_SWEEP_MS
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
