import type { Connection, Stream, StreamHandler } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { expect, test } from 'vitest'
import { DhtAsker } from '#relay/dht/asker.ts'
import { MAX_DHT_REQUESTS_PER_MINUTE } from '#relay/limits.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

test('the DHT answers a peer as often a minute as allowed, and knows who asks', async () => {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const asker = new DhtAsker({ clock, refusals })
  let registered: StreamHandler | null = null
  const inner: Pick<Registrar, 'handle'> = {
    handle: (_protocol, handler) => {
      registered = handler
      return Promise.resolve()
    },
  }
  const asked: (string | null)[] = []
  await asker.registrar(inner as Registrar).handle('/test', () => {
    asked.push(asker.current())
  })
  let resets = 0
  const stream = {
    abort: () => (resets += 1),
    addEventListener: () => undefined,
  } as unknown as Stream
  const ask = (peer: string): void => {
    void registered?.(stream, { remotePeer: peer } as unknown as Connection)
  }

  for (let n = 0; n < MAX_DHT_REQUESTS_PER_MINUTE; n += 1) ask('ada')
  expect(asked).toHaveLength(MAX_DHT_REQUESTS_PER_MINUTE)
  expect(resets).toBe(0)
  ask('ada')
  expect(asked).toHaveLength(MAX_DHT_REQUESTS_PER_MINUTE)
  expect(resets).toBe(1)
  expect(refusals.counted).toEqual(['dht-requests'])
  ask('bob')
  expect(asked.at(-1)).toBe('bob')
  expect(asker.current()).toBeNull()
  clock.advance(60_000)
  ask('ada')
  expect(asked.at(-1)).toBe('ada')
})
