import { setImmediate as turn } from 'node:timers/promises'
import type { KadDHT } from '@libp2p/kad-dht'
import { describe, expect, test } from 'vitest'
import { LOOKUP_TIMEOUT_MS } from '#lib/protocol/directory.ts'
import { findCodec, sealSignpost } from '#lib/protocol/signpost.ts'
import { StaleRecordError } from '#relay/errors.ts'
import { MAX_SIGNPOST_LOOKUPS_PER_MINUTE, MAX_SIGNPOSTS_PER_HOUR } from '#relay/limits.ts'
import { Signposts } from '#relay/mailbox/signposts.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const owner = await signerOf(1)
const clock = new ManualClock()
const signpost = await sealSignpost(
  {
    mailbox: owner.publicKey,
    sealed: new Uint8Array(9),
    sequence: clock.now(),
    expiresAtMs: clock.now() + 60_000,
  },
  owner,
)

/** What a DHT does when it is asked. */
type Act = (signal: AbortSignal) => Promise<void>

const AT_ONCE: Act = () => Promise.resolve()

function dhtThat(act: Act): KadDHT {
  const ask = async function* (signal: AbortSignal): AsyncGenerator<never> {
    await act(signal)
    yield* []
  }
  const dht = {
    put: (_key: Uint8Array, _value: Uint8Array, { signal }: { signal: AbortSignal }) => ask(signal),
    get: (_key: Uint8Array, { signal }: { signal: AbortSignal }) => ask(signal),
  }
  return dht as unknown as KadDHT
}

/** @param act null: there is no DHT */
function signposts(act: Act | null, oneTimeLeft: number | null = 0): Signposts {
  const dht = act && dhtThat(act)
  const store = { oneTimeLeft: () => Promise.resolve(oneTimeLeft) }
  return new Signposts({ dht: () => dht, store, clock, log: silentLogger })
}

/** Until it is told to give up. */
const endlessly: Act = async (signal) => {
  await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('given up'))
    })
  })
}

test('one address puts up so many signposts an hour', async () => {
  const relay = signposts(AT_ONCE)
  for (let count = 0; count < MAX_SIGNPOSTS_PER_HOUR; count++) await relay.point(signpost, 'here')
  await expect(relay.point(signpost, 'here')).rejects.toMatchObject({ refusal: 'mailbox-requests' })
  await relay.point(signpost, 'elsewhere')
})

test('one address looks for so many signposts a minute', async () => {
  const relay = signposts(null)
  const find = (source: string): Promise<unknown> =>
    relay.find(findCodec.encode([owner.publicKey]), source)
  for (let count = 0; count < MAX_SIGNPOST_LOOKUPS_PER_MINUTE; count++) {
    await expect(find('here')).rejects.toMatchObject({ refusal: 'mailbox-no-signpost' })
  }
  await expect(find('here')).rejects.toMatchObject({ refusal: 'mailbox-requests' })
  await expect(find('elsewhere')).rejects.toMatchObject({ refusal: 'mailbox-no-signpost' })
})

describe('a signpost', () => {
  test('is put up for those alone whose prekeys are here', async () => {
    await expect(signposts(AT_ONCE, null).point(signpost, 'here')).rejects.toMatchObject({
      refusal: 'mailbox-not-allowed',
    })
  })

  test('is not said to stand when there is no DHT, or it takes none', async () => {
    const failing: Act = () => Promise.reject(new Error('no'))
    for (const act of [null, failing]) {
      const pointed = signposts(act).point(signpost, 'here')
      await expect(pointed).rejects.toMatchObject({ refusal: 'mailbox-failed' })
    }
  })

  test('that does not reach the DHT in time is not said to stand', async () => {
    const pointed = signposts(endlessly).point(signpost, 'here')
    const refused = expect(pointed).rejects.toMatchObject({ refusal: 'mailbox-failed' })
    while (clock.pending === 0) await turn()
    clock.advance(LOOKUP_TIMEOUT_MS)
    await refused
    expect(clock.pending).toBe(0)
  })

  test('is not needed where a newer one stands', async () => {
    const stale: Act = () => Promise.reject(new StaleRecordError('a newer signpost is held'))
    expect(await signposts(stale).point(signpost, 'here')).toEqual(new Uint8Array())
  })
})

test('once it has stopped nothing is under way', async () => {
  let under = false
  const asked = Promise.withResolvers<undefined>()
  const relay = signposts(async (signal) => {
    under = true
    asked.resolve(undefined)
    try {
      await endlessly(signal)
    } finally {
      await turn()
      under = false
    }
  })
  const refused = expect(relay.point(signpost, 'here')).rejects.toMatchObject({
    refusal: 'mailbox-failed',
  })
  await asked.promise
  await relay.stop()
  expect(under).toBe(false)
  await refused
})
