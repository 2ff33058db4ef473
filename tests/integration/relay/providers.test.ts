import { lpStream } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { parsePeerId, type PeerIdString } from '#lib/protocol/ids.ts'
import {
  openProviderRecord,
  PROVIDER_LIFE_MS,
  providerKeyOf,
  PROVIDERS,
  sealProviderRecord,
  type ProvidersRequest,
  type ProvidersResponse,
} from '#lib/protocol/providers.ts'
import {
  openRevocation,
  revocationKeyOf,
  REVOCATION_LIFE_MS,
  revocationSubjectOf,
  sealRevocation,
} from '#lib/protocol/revocation.ts'
import { systemClock } from '#lib/protocol/seams.ts'
import { signedBytes, type Signer } from '#lib/protocol/signed.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { MAX_PROVIDER_RECORDS_PER_PEER } from '#relay/limits.ts'
import type { Relay } from '#relay/relay.ts'
import { refused, startRelay, stockClient, type StockClient, webSocketOf } from './harness.ts'

interface Person {
  client: StockClient
  peer: PeerIdString
  signer: Signer
}

async function person(): Promise<Person> {
  const privateKey = await generateKeyPair('Ed25519')
  const client = await stockClient({ privateKey })
  const signer: Signer = {
    publicKey: privateKey.publicKey.raw,
    sign: async (context, body) => privateKey.sign(signedBytes(context, body)),
  }
  return { client, peer: parsePeerId(client.peerId.toString()), signer }
}

const ID = new Uint8Array(32).fill(7)
const KEY = providerKeyOf(ID)
const SUBJECT = revocationSubjectOf(ID)

async function ask(
  { client }: Person,
  relay: Relay,
  request: ProvidersRequest,
): Promise<ProvidersResponse> {
  const stream = await client.dialProtocol(webSocketOf(relay), PROVIDERS.protocol)
  const frames = lpStream(stream)
  await frames.write(PROVIDERS.request.encode(request))
  const response = PROVIDERS.response.decode((await frames.read()).subarray())
  await stream.close()
  return response
}

async function provide(
  { peer, signer }: Person,
  { key = KEY, madeAtMs = Date.now() } = {},
): Promise<ProvidersRequest> {
  const record = await sealProviderRecord(
    { key, peer, relays: ['relay.example'], madeAtMs, expiresAtMs: madeAtMs + PROVIDER_LIFE_MS },
    signer,
  )
  return { type: 'provide', record }
}

async function revoke({ peer, signer }: Person): Promise<ProvidersRequest> {
  const madeAtMs = Date.now()
  const record = await sealRevocation(
    { subject: SUBJECT, peer, madeAtMs, expiresAtMs: madeAtMs + REVOCATION_LIFE_MS },
    signer,
  )
  return { type: 'provide', record }
}

/** Who of these is known to have taken it back. */
async function revokedBy(who: Person, relay: Relay, sharer: Person): Promise<PeerIdString[]> {
  const key = revocationKeyOf({ subject: SUBJECT, peer: sharer.peer })
  const answer = await ask(who, relay, { type: 'find', key, scope: 'network' })
  if (answer.type !== 'providers') throw new Error(answer.type)
  const revocations = await Promise.all(
    answer.records.map((record) => openRevocation(record, Date.now())),
  )
  return revocations.map(({ peer }) => peer)
}

async function found(who: Person, relay: Relay): Promise<PeerIdString[]> {
  const answer = await ask(who, relay, { type: 'find', key: KEY, scope: 'network' })
  if (answer.type !== 'providers') throw new Error(answer.type)
  const records = await Promise.all(
    answer.records.map((record) => openProviderRecord(record, Date.now())),
  )
  return records.map(({ peer }) => peer)
}

test('who has something is found by who asks for it, until they take it back', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await person(), await person()]
  expect(await found(bob, relay)).toEqual([])
  expect(await ask(ada, relay, await provide(ada))).toEqual({ type: 'stored' })
  expect(await found(bob, relay)).toEqual([ada.peer])
  expect(await ask(bob, relay, { type: 'withdraw', key: KEY })).toEqual({ type: 'withdrawn' })
  expect(await found(bob, relay)).toEqual([ada.peer])
  await ask(ada, relay, { type: 'withdraw', key: KEY })
  expect(await found(bob, relay)).toEqual([])
})

test('nobody names somebody else, and no record is from yesterday', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await person(), await person()]
  const invalid = { type: 'refused', reason: 'invalid' }
  expect(await ask(bob, relay, await provide(ada))).toEqual(invalid)
  const old = await provide(ada, { madeAtMs: Date.now() - PROVIDER_LIFE_MS })
  expect(await ask(ada, relay, old)).toEqual(invalid)
  expect(await refused(relay, 'provider-invalid')).toBe(2)
})

test('a peer is named for so many contents, and no more', async () => {
  // Always the same minute would be too few requests.
  let minutes = 0
  const clock = { ...systemClock, now: () => Date.now() + 60_000 * minutes }
  const relay = await startRelay([], { clock })
  const ada = await person()
  const answers: ProvidersResponse[] = []
  for (let each = 0; each <= MAX_PROVIDER_RECORDS_PER_PEER; each += 1) {
    minutes = Math.floor(each / 100)
    const key = providerKeyOf(
      new Uint8Array(32)
        .fill(1)
        .fill(each & 0xff, 0, 1)
        .fill(each >> 8, 1, 2),
    )
    answers.push(await ask(ada, relay, await provide(ada, { key })))
  }
  expect(new Set(answers.slice(0, -1).map(({ type }) => type))).toEqual(new Set(['stored']))
  expect(answers.at(-1)).toEqual({ type: 'refused', reason: 'full' })
})

test('that somebody took it back is kept beside who has it, and said by nobody else', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await person(), await person()]
  await ask(bob, relay, await provide(bob))
  expect(await ask(bob, relay, await revoke(ada))).toEqual({ type: 'refused', reason: 'invalid' })
  await ask(bob, relay, await revoke(bob))
  expect(await revokedBy(bob, relay, ada)).toEqual([])
  expect(await ask(ada, relay, await revoke(ada))).toEqual({ type: 'stored' })
  expect(await revokedBy(bob, relay, ada)).toEqual([ada.peer])
  // Who has it is a matter of their own.
  expect(await found(ada, relay)).toEqual([bob.peer])
})

test('what one relay knows is found at another through the DHT', async () => {
  const first = await startRelay()
  const second = await startRelay(['--relay', webSocketOf(first).toString()])
  for (const relay of [first, second]) {
    await expect
      .poll(() => relay.registry.getSingleMetricAsString('libp2p_kad_dht_routing_table_size'))
      .toMatch(/ [1-9]/)
  }
  const [ada, bob] = [await person(), await person()]
  await ask(ada, first, await provide(ada))
  await expect.poll(() => found(bob, second)).toEqual([ada.peer])
  await ask(ada, first, await revoke(ada))
  await expect.poll(() => revokedBy(bob, second, ada)).toEqual([ada.peer])
})
