import { setImmediate as turn } from 'node:timers/promises'
import type { Connection, StreamHandler } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { lpStream, streamPair } from '@libp2p/utils'
import { expect, onTestFinished, test } from 'vitest'
import {
  type DirectoryRequest,
  directoryRequest,
  directoryResponse,
  LOOKUP_TIMEOUT_MS,
} from '#lib/protocol/directory.ts'
import { PeerRecords } from '#relay/dht/peer-records.ts'
import { Directory } from '#relay/directory.ts'
import { QUESTION_IDLE_MS } from '#relay/limits.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { silent } from '../p2p/fake-network.ts'
import { CountingRefusals } from './counting-refusals.ts'

/** A DHT that looks for as long as it is let. */
class EndlessDht {
  readonly #lookup = Promise.withResolvers<AbortSignal>()
  /** What may end the lookup, once there is one. */
  readonly lookup = this.#lookup.promise

  async *get(_key: Uint8Array, { signal }: { signal: AbortSignal }): AsyncGenerator<never> {
    this.#lookup.resolve(signal)
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('given up'))
      })
    })
    yield* []
  }
}

/** A stream to a directory, on a clock that stands still. */
async function directoryStream() {
  const clock = new ManualClock()
  const dht = new EndlessDht()
  let serve: StreamHandler | null = null
  const directory = new Directory({
    libp2p: {
      handle: (_protocol, handler) => {
        serve = handler
        return Promise.resolve()
      },
      unhandle: () => Promise.resolve(),
    },
    dht: dht as unknown as KadDHT,
    records: new PeerRecords({ clock }, { max: 1 }),
    clock,
    refusals: new CountingRefusals(),
    log: silent,
    relayList: () => Promise.resolve(new Uint8Array()),
  })
  await directory.start()
  onTestFinished(() => directory.stop())
  const { peer } = await signerOf(1)
  const [near, far] = await streamPair()
  void (serve as StreamHandler | null)?.(far, { remotePeer: peer } as unknown as Connection)
  const frames = lpStream(near)
  return {
    clock,
    dht,
    near,
    ask: async (request: DirectoryRequest): Promise<string> => {
      await frames.write(directoryRequest.encode(request))
      return directoryResponse.decode((await frames.read()).subarray()).type
    },
    /** Moves on by `ms` once the directory waits for something. */
    pass: async (ms: number): Promise<void> => {
      while (clock.pending === 0) await turn()
      clock.advance(ms)
    },
  }
}

test('a stream may be silent for as long as allowed, each time anew, and is reset then', async () => {
  const { near, ask, pass } = await directoryStream()
  await pass(QUESTION_IDLE_MS - 1)
  expect(await ask({ type: 'relays' })).toBe('relays')
  await pass(QUESTION_IDLE_MS - 1)
  expect(await ask({ type: 'relays' })).toBe('relays')
  const ended = new Promise((resolve) => {
    near.addEventListener('close', resolve)
  })
  await pass(QUESTION_IDLE_MS)
  await ended
  expect(near.status).toBe('reset')
})

test('a lookup that takes longer than allowed is answered: unknown', async () => {
  const { clock, dht, ask } = await directoryStream()
  const { peer } = await signerOf(2)
  const answer = ask({ type: 'lookup', peer })
  const signal = await dht.lookup
  clock.advance(LOOKUP_TIMEOUT_MS - 1)
  expect(signal.aborted).toBe(false)
  clock.advance(1)
  expect(await answer).toBe('unknown')
})
