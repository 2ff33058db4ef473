import type { KadDHT } from '@libp2p/kad-dht'

/** Puts a value on the relays nearest to its key. Resolves with how many answered. */
export async function putIntoDht(
  dht: KadDHT,
  key: Uint8Array,
  value: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  let answers = 0
  for await (const event of dht.put(key, value, { signal })) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') answers += 1
  }
  return answers
}

/** The newest value under this key that the DHT has, or `null`. @param sequenceOf the larger it is the newer the value */
export async function getFromDht(
  dht: KadDHT,
  key: Uint8Array,
  sequenceOf: (value: Uint8Array) => number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  let newest: Uint8Array | null = null
  for await (const event of dht.get(key, { signal })) {
    if (event.name !== 'VALUE') continue
    if (newest === null || sequenceOf(event.value) > sequenceOf(newest)) newest = event.value
  }
  return newest
}
