import { expect, test } from 'vitest'
import { DHT_TIMEOUT_MS, Discovery } from '../../../src/lib/p2p/discovery/discovery.ts'
import type { Node } from '../../../src/lib/p2p/node.ts'
import type { RelayBook } from '../../../src/lib/p2p/relay-book/relay-book.ts'
import { sealPeerRecord } from '../../../src/lib/protocol/peer-record.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { silent } from './fake-network.ts'

test('a record that the full disk does not take leads to the peer all the same', async () => {
  const clock = new ManualClock()
  const signer = await signerOf(1)
  const relay = '/dns/relay.example/tcp/443/tls/ws'
  const record = await sealPeerRecord(
    {
      peer: signer.peer,
      relays: [relay],
      sequence: clock.now(),
      expiresAtMs: clock.now() + 60_000,
    },
    signer,
  )
  const discovery = new Discovery({
    relays: { reservedConnections: () => [] } as unknown as RelayBook,
    records: {
      get: () => Promise.resolve(undefined),
      put: () => Promise.reject(new DOMException('full', 'QuotaExceededError')),
    },
    clock,
    random: systemRandom,
    log: silent,
  })
  discovery.attach({
    dht: {
      async *records() {
        yield await Promise.resolve(record)
      },
    },
  } as unknown as Node)

  const stages: string[][] = []
  for await (const relays of discovery.relaysOf(signer.peer, [], new AbortController().signal)) {
    stages.push(relays)
  }

  expect(stages).toEqual([[], [relay]])
  expect(clock.pending).toBe(0)
})

test('a lookup in the DHT is given up in time, and what it found until then counts', async () => {
  const clock = new ManualClock()
  const { peer, ...signer } = await signerOf(1)
  const relay = '/dns/relay.example/tcp/443/tls/ws'
  const [sequence, expiresAtMs] = [clock.now(), clock.now() + 60_000]
  const record = await sealPeerRecord({ peer, relays: [relay], sequence, expiresAtMs }, signer)
  const discovery = new Discovery({
    relays: { reservedConnections: () => [] } as unknown as RelayBook,
    records: { get: () => Promise.resolve(undefined), put: () => Promise.resolve() },
    clock,
    random: systemRandom,
    log: silent,
  })
  const asked = Promise.withResolvers<AbortSignal>()
  discovery.attach({
    dht: {
      async *records(_peer: unknown, { signal }: { signal: AbortSignal }) {
        yield record
        asked.resolve(signal)
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error)
          })
        })
      },
    },
  } as unknown as Node)
  const stages = discovery.relaysOf(peer, [], new AbortController().signal)[Symbol.asyncIterator]()
  await stages.next()
  const found = stages.next()

  const signal = await asked.promise
  clock.advance(DHT_TIMEOUT_MS - 1)
  expect(signal.aborted).toBe(false)
  clock.advance(1)

  expect((await found).value).toEqual([relay])
  expect(clock.pending).toBe(0)
})

test('what a relay said that was asked for help is tried before the DHT is asked, once', async () => {
  const { peer } = await signerOf(1)
  let lookups = 0
  const discovery = new Discovery({
    relays: { reservedConnections: () => [] } as unknown as RelayBook,
    records: { get: () => Promise.resolve(undefined), put: () => Promise.resolve() },
    clock: new ManualClock(),
    random: systemRandom,
    log: silent,
  })
  discovery.attach({
    dht: {
      async *records() {
        lookups += 1
        yield* await Promise.resolve([])
      },
    },
  } as unknown as Node)
  const { signal } = new AbortController()
  const relay = '/dns/relay.example/tcp/443/tls/ws'

  const stages = discovery.relaysOf(peer, ['card.example'], signal)[Symbol.asyncIterator]()
  expect((await stages.next()).value).toEqual(['card.example'])
  // There, where no circuit led to the peer.
  discovery.hear({ peer, relays: [relay] })
  expect((await stages.next()).value).toEqual([relay])
  expect(lookups).toBe(0)
  expect((await stages.next()).done).toBe(true)
  expect(lookups).toBe(1)

  const later: string[][] = []
  for await (const relays of discovery.relaysOf(peer, [], signal)) later.push(relays)
  expect(later).toEqual([[]])
})
