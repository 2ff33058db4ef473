import type { KadDHT } from '@libp2p/kad-dht'
import { StarlingError } from '#lib/protocol/errors.ts'

/**
 * Puts a value on the relays nearest to its key, this one among them. Resolves with how many others answered, also when
 * the rest did not in time.
 * @throws when none did before something failed
 */
export async function putIntoDht(
  dht: KadDHT,
  key: Uint8Array,
  value: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  let answers = 0
  try {
    for await (const event of dht.put(key, value, { signal })) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') answers += 1
    }
  } catch (error) {
    if (answers === 0) throw error
  }
  return answers
}

/** What is known of the values of one kind. */
export interface ValueKind {
  /** The larger it is the newer the value. */
  sequenceOf: (value: Uint8Array) => number
  /** What the DHT asks before it keeps a value. @throws StarlingError */
  validate: (key: Uint8Array, value: Uint8Array) => Promise<void>
}

/**
 * The newest value under this key that the DHT has, or `null`. kad-dht tells which it is only once it has corrected
 * everybody who has an older one, and nothing when one of them cannot be: so each answer counts as it comes.
 * @throws when something failed before anything was found
 */
export async function getFromDht(
  dht: KadDHT,
  key: Uint8Array,
  { sequenceOf, validate }: ValueKind,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  let newest: Uint8Array | null = null
  try {
    for await (const event of dht.get(key, { signal })) {
      const value = valueOf(event)
      if (value === null) continue
      if (newest !== null && sequenceOf(value) <= sequenceOf(newest)) continue
      if (await holds(validate, key, value)) newest = value
    }
  } catch (error) {
    if (newest === null) throw error
  }
  return newest
}

type DhtEvent = ReturnType<KadDHT['get']> extends AsyncIterable<infer Event> ? Event : never

function valueOf(event: DhtEvent): Uint8Array | null {
  if (event.name === 'VALUE') return event.value
  return event.name === 'PEER_RESPONSE' ? (event.record?.value ?? null) : null
}

/** kad-dht validates what is answered when it asks for values, not what is when it corrects them. */
async function holds(
  validate: ValueKind['validate'],
  key: Uint8Array,
  value: Uint8Array,
): Promise<boolean> {
  try {
    await validate(key, value)
    return true
  } catch (error) {
    if (error instanceof StarlingError) return false
    throw error
  }
}
