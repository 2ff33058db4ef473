import type { KadDHT } from '@libp2p/kad-dht'
import { describe, expect, test } from 'vitest'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { getFromDht, putIntoDht, type ValueKind } from '#relay/dht/values.ts'

const KEY = new Uint8Array(1)

/** Values of one byte, the larger the newer; those above 9 are forged. */
const numbers: ValueKind = {
  sequenceOf: ([number]) => number!,
  validate: (_key, [number]) =>
    number! <= 9 ? Promise.resolve() : Promise.reject(new InvalidDataError('forged')),
}

interface Event {
  name: string
  messageName?: string
  value?: Uint8Array
  record?: { value: Uint8Array }
}

const answered = (number: number): Event => ({
  name: 'PEER_RESPONSE',
  messageName: 'GET_VALUE',
  record: { value: Uint8Array.of(number) },
})
const found = (number: number): Event => ({ name: 'VALUE', value: Uint8Array.of(number) })
const taken: Event = { name: 'PEER_RESPONSE', messageName: 'PUT_VALUE' }

/** A DHT in which this happens, and then something fails, if it does. */
function dhtOf(events: Event[], failure: Error | null = null): KadDHT {
  const happen = async function* (): AsyncGenerator<Event> {
    await Promise.resolve()
    yield* events
    if (failure !== null) throw failure
  }
  return { get: happen, put: happen } as unknown as KadDHT
}

const { signal } = new AbortController()
const failure = new Error('Could not send correction')
const get = (events: Event[], failed: Error | null = null): Promise<Uint8Array | null> =>
  getFromDht(dhtOf(events, failed), KEY, numbers, signal)
const put = (events: Event[], failed: Error | null = null): Promise<number> =>
  putIntoDht(dhtOf(events, failed), KEY, KEY, signal)

describe('a value of the DHT', () => {
  test('is the newest that anybody has', async () => {
    expect(await get([answered(1), answered(3), answered(2)])).toEqual(Uint8Array.of(3))
    expect(await get([found(2)])).toEqual(Uint8Array.of(2))
    expect(await get([])).toBeNull()
  })

  test('is found though who has an older one takes no correction', async () => {
    expect(await get([answered(1), answered(3)], failure)).toEqual(Uint8Array.of(3))
    await expect(get([], failure)).rejects.toBe(failure)
  })

  test('is none that was forged', async () => {
    expect(await get([answered(2), answered(10)])).toEqual(Uint8Array.of(2))
    await expect(get([answered(10)], failure)).rejects.toBe(failure)
  })

  test('is put once some have it, though others fail', async () => {
    expect(await put([taken, taken], failure)).toBe(2)
    expect(await put([])).toBe(0)
    await expect(put([], failure)).rejects.toBe(failure)
  })
})
