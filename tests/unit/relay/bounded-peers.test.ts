import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { expect, test } from 'vitest'
import { peerIdOf } from '#lib/protocol/ids.ts'
import { QuotaError } from '#relay/errors.ts'
import { MAX_PEER_ROW_BYTES, MAX_PEER_ROWS } from '#relay/limits.ts'
import { BoundedPeers } from '#relay/store/bounded-peers.ts'
import { CountingRefusals } from './counting-refusals.ts'

const VALUE = Uint8Array.of(1)
const LIBP2P_KEY = 0x72

/** The public key of a peer, made of its number. */
function publicKey(n: number): Uint8Array {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, n)
  return key
}

/** The row of a peer: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md */
function row(n: number): Key {
  const identity = create(0, Uint8Array.of(8, 1, 18, 32, ...publicKey(n)))
  return new Key(`/peers/${CID.createV1(LIBP2P_KEY, identity).toString()}`)
}

async function peers({ datastore = new MemoryDatastore() } = {}) {
  const refusals = new CountingRefusals()
  const kept = peerIdOf(publicKey(0))
  const store = new BoundedPeers({ datastore, refusals, isKept: (peer) => peer === kept })
  await store.start()
  const fill = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1) await store.put(row(n), VALUE)
  }
  return { datastore, refusals, store, fill }
}

test('of too many peers the one not heard of for longest is forgotten, and a kept one never', async () => {
  const { datastore, refusals, store, fill } = await peers()
  await fill(0, MAX_PEER_ROWS)
  await store.put(row(1), VALUE)
  expect(refusals.counted).toEqual([])
  await store.put(row(MAX_PEER_ROWS), VALUE)
  expect(refusals.counted).toEqual(['peers-total'])
  expect(store.size).toBe(MAX_PEER_ROWS)
  expect(datastore.has(row(0))).toBe(true)
  expect(datastore.has(row(1))).toBe(true)
  expect(datastore.has(row(2))).toBe(false)
  expect(datastore.has(row(MAX_PEER_ROWS))).toBe(true)
})

test('rows of earlier runs count', async () => {
  const datastore = new MemoryDatastore()
  await datastore.put(row(1), VALUE)
  const { fill, store } = await peers({ datastore })
  await fill(2, MAX_PEER_ROWS + 2)
  expect(store.size).toBe(MAX_PEER_ROWS)
  expect(datastore.has(row(1))).toBe(false)
})

test('a row of the longest length is kept, and none longer', async () => {
  const { datastore, refusals, store } = await peers()
  await store.put(row(1), new Uint8Array(MAX_PEER_ROW_BYTES))
  const longer = store.put(row(2), new Uint8Array(MAX_PEER_ROW_BYTES + 1))
  await expect(longer).rejects.toThrow(QuotaError)
  expect(refusals.counted).toEqual(['peer-too-large'])
  expect(datastore.has(row(2))).toBe(false)
})

test('a deleted row gives its place back', async () => {
  const { refusals, store, fill } = await peers()
  await fill(0, MAX_PEER_ROWS)
  await store.delete(row(5))
  await store.put(row(MAX_PEER_ROWS), VALUE)
  expect(refusals.counted).toEqual([])
})

test('what is not about a peer passes', async () => {
  const { store, refusals } = await peers()
  await store.put(new Key('/starling/key'), new Uint8Array(MAX_PEER_ROW_BYTES + 1))
  expect(store.size).toBe(0)
  expect(refusals.counted).toEqual([])
})
