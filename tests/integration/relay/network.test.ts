import { lpStream } from '@libp2p/utils'
import { describe, expect, test } from 'vitest'
import {
  DIRECTORY_PROTOCOL,
  type DirectoryRequest,
  directoryRequest,
  type DirectoryResponse,
  directoryResponse,
  MAX_DIRECTORY_REQUESTS_PER_MINUTE,
} from '#lib/protocol/directory.ts'
import { parsePeerId, type PeerIdString } from '#lib/protocol/ids.ts'
import { openPeerRecord, peerRecordKey, sealPeerRecord } from '#lib/protocol/peer-record.ts'
import { MAILBOX_PATH } from '#lib/protocol/mailbox.ts'
import { openRelayList } from '#lib/protocol/relay-list.ts'
import { systemClock } from '#lib/protocol/seams.ts'
import { signedBytes, type Signer } from '#lib/protocol/signed.ts'
import { findCodec, SIGNPOST_LIFE_MS, sealSignpost, signpostKey } from '#lib/protocol/signpost.ts'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { type Ed25519PrivateKey, stop } from '@libp2p/interface'
import { DHT_PROTOCOL } from '#relay/dht/index.ts'
import {
  MAX_DHT_RECORDS_PER_PEER,
  MAX_DHT_REQUESTS_PER_MINUTE,
  RELAY_CHECK_MS,
} from '#relay/limits.ts'
import type { Relay } from '#relay/relay.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { TestMailbox } from '../../support/mailbox.ts'
import {
  dhtPut,
  refused,
  startRelay,
  stockClient,
  type StockClient,
  webSocketOf,
} from './harness.ts'

/** kad-dht's request for the peers nearest to a key: fields 1, `type`, FIND_NODE, and 2, `key`, of four bytes. */
const FIND_NODE = Uint8Array.of(0x08, 4, 0x12, 4, 1, 2, 3, 4)

interface Person {
  client: StockClient
  peer: PeerIdString
  signer: Signer
}

async function person(): Promise<Person> {
  const key: Ed25519PrivateKey = await generateKeyPair('Ed25519')
  const client = await stockClient({ privateKey: key })
  return {
    client,
    peer: parsePeerId(client.peerId.toString()),
    signer: {
      publicKey: key.publicKey.raw,
      sign: async (context, body) => key.sign(signedBytes(context, body)),
    },
  }
}

async function ask(
  { client }: Person,
  relay: Relay,
  request: DirectoryRequest,
): Promise<DirectoryResponse> {
  const stream = await client.dialProtocol(webSocketOf(relay), DIRECTORY_PROTOCOL)
  const frames = lpStream(stream)
  await frames.write(directoryRequest.encode(request))
  const response = directoryResponse.decode((await frames.read()).subarray())
  await stream.close()
  return response
}

/** Waits until these two answer each other's lookups. */
async function connected(a: Relay, b: Relay): Promise<void> {
  for (const relay of [a, b]) {
    await expect
      .poll(async () => relay.registry.getSingleMetricAsString('libp2p_kad_dht_routing_table_size'))
      .toMatch(/ [1-9]/)
  }
}

/** Somebody who says in identify what a relay says, and answers pings, as anyone can. */
async function selfStyledRelay(): Promise<StockClient> {
  const client = await stockClient({ listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
  for (const protocol of [RELAY_V2_HOP_CODEC, DHT_PROTOCOL]) {
    await client.handle(protocol, (stream) => {
      stream.abort(new Error('nothing behind it'))
    })
  }
  return client
}

/** Puts one public key more than a peer may that is no relay. */
async function putMoreThanAPeerMay(client: StockClient): Promise<void> {
  for (let n = 0; n <= MAX_DHT_RECORDS_PER_PEER; n += 1) {
    const { publicKey } = await generateKeyPair('Ed25519')
    const key = new Uint8Array([...Buffer.from('/pk/'), ...publicKey.toMultihash().bytes])
    await dhtPut(client, key, publicKeyToProtobuf(publicKey))
  }
}

async function recordOf({ peer, signer }: Person, sequence = Date.now()): Promise<Uint8Array> {
  const relays = ['/dns/relay.example.org/tcp/443/tls/ws']
  return sealPeerRecord({ peer, relays, sequence, expiresAtMs: sequence + 60_000 }, signer)
}

describe('the directory', () => {
  test('finds who published at the same relay', async () => {
    const relay = await startRelay()
    const [ada, bob] = [await person(), await person()]
    const record = await recordOf(ada)
    expect(await ask(bob, relay, { type: 'lookup', peer: ada.peer })).toEqual({ type: 'unknown' })
    expect(await ask(ada, relay, { type: 'publish', record })).toEqual({ type: 'stored' })
    const found = await ask(bob, relay, { type: 'lookup', peer: ada.peer })
    if (found.type !== 'found') throw new Error(found.type)
    expect((await openPeerRecord(found.record, Date.now())).peer).toBe(ada.peer)
  })

  test('takes only the own record, and none older than the one it has', async () => {
    const relay = await startRelay()
    const [ada, bob] = [await person(), await person()]
    const nowMs = Date.now()
    const stolen = { type: 'publish', record: await recordOf(ada) } as const
    expect(await ask(bob, relay, stolen)).toEqual({ type: 'refused', reason: 'invalid' })
    expect(await refused(relay, 'directory-invalid')).toBe(1)
    await ask(ada, relay, { type: 'publish', record: await recordOf(ada, nowMs) })
    const old = { type: 'publish', record: await recordOf(ada, nowMs - 1) } as const
    expect(await ask(ada, relay, old)).toEqual({ type: 'refused', reason: 'stale' })
  })

  test('resets a stream with bytes that are no request', async () => {
    const relay = await startRelay()
    const { client } = await person()
    const stream = await client.dialProtocol(webSocketOf(relay), DIRECTORY_PROTOCOL)
    const frames = lpStream(stream)
    await frames.write(Uint8Array.of(0xff))
    await expect(frames.read()).rejects.toThrow()
    expect(await refused(relay, 'directory-invalid')).toBe(1)
  })

  test('answers so many requests a minute', async () => {
    const nowMs = Date.now()
    // Always the same minute, however long this takes.
    const relay = await startRelay([], { clock: { ...systemClock, now: () => nowMs } })
    const ada = await person()
    const stream = await ada.client.dialProtocol(webSocketOf(relay), DIRECTORY_PROTOCOL)
    const frames = lpStream(stream)
    const types: string[] = []
    for (let n = 0; n <= MAX_DIRECTORY_REQUESTS_PER_MINUTE; n += 1) {
      await frames.write(directoryRequest.encode({ type: 'relays' }))
      types.push(directoryResponse.decode((await frames.read()).subarray()).type)
    }
    expect(new Set(types.slice(0, -1))).toEqual(new Set(['relays']))
    expect(types.at(-1)).toBe('refused')
    expect(await refused(relay, 'directory-requests')).toBe(1)
  })
})

describe('two relays', () => {
  test('are one DHT: who published at one is found at the other', async () => {
    const a = await startRelay()
    const b = await startRelay(['--relay', webSocketOf(a).toString()])
    await connected(a, b)
    const [ada, bob] = [await person(), await person()]
    await ask(ada, a, { type: 'publish', record: await recordOf(ada) })
    await expect
      .poll(async () => (await ask(bob, b, { type: 'lookup', peer: ada.peer })).type)
      .toBe('found')
  })

  test('are one DHT of signposts: one put up by a relay is found by the other, whoever asks', async () => {
    const a = await startRelay()
    const b = await startRelay(['--relay', webSocketOf(a).toString()])
    await connected(a, b)
    const owner = await signerOf(9)
    const nowMs = Date.now()
    const signpost = await sealSignpost(
      {
        mailbox: owner.publicKey,
        sealed: new Uint8Array(300).fill(1),
        sequence: nowMs,
        expiresAtMs: nowMs + SIGNPOST_LIFE_MS,
      },
      owner,
    )
    const post = (relay: Relay, call: 'point' | 'find', body: Uint8Array): Promise<Response> =>
      fetch(`${relay.address}${MAILBOX_PATH}/${call}`, {
        method: 'POST',
        body: Uint8Array.from(body),
        headers: { 'content-type': 'application/octet-stream' },
      })
    const find = (relay: Relay): Promise<Response> =>
      post(relay, 'find', findCodec.encode([owner.publicKey]))

    expect((await find(b)).status).toBe(404)
    expect((await post(a, 'point', signpost.with(signpost.length - 1, 0))).status).toBe(403)
    expect((await post(a, 'point', signpost)).status).toBe(403)
    const box = await TestMailbox.at(a.address, new Uint8Array(32).fill(9))
    await box.publish({ bundle: new Uint8Array(1), oneTime: [] })
    expect((await post(a, 'point', signpost)).status).toBe(200)

    const found = await find(b)
    expect(found.status).toBe(200)
    expect(new Uint8Array(await found.arrayBuffer())).toEqual(signpost)
  })

  test('name each other, signed, once they have seen the other work', async () => {
    const a = await startRelay(['--operator', 'Ada'])
    const b = await startRelay(['--relay', webSocketOf(a).toString()])
    const bob = await person()
    const list = async () => {
      const response = await ask(bob, b, { type: 'relays' })
      if (response.type !== 'relays') throw new Error(response.type)
      return openRelayList(response.list, Date.now())
    }
    await expect.poll(async () => (await list()).relays.length).toBe(1)
    const { issuer, relays } = await list()
    expect(issuer).toBe(b.peerId)
    expect(relays[0]).toMatchObject({ peer: a.peerId, operator: 'Ada' })
    expect(relays[0]?.addresses).toContain(webSocketOf(a).toString())
  })
})

describe('the DHT', () => {
  test('keeps the newer signpost, whoever puts an older one', async () => {
    const a = await startRelay()
    const owner = await signerOf(9)
    const box = await TestMailbox.at(a.address, new Uint8Array(32).fill(9))
    await box.publish({ bundle: new Uint8Array(1), oneTime: [] })
    const nowMs = Date.now()
    const [older, newer] = await Promise.all(
      [nowMs - 1, nowMs].map((sequence) =>
        sealSignpost(
          {
            mailbox: owner.publicKey,
            sealed: new Uint8Array(300).fill(1),
            sequence,
            expiresAtMs: nowMs + SIGNPOST_LIFE_MS,
          },
          owner,
        ),
      ),
    )
    await box.post('point', newer!)
    await box.post('point', older!)
    const client = await stockClient()
    await client.dial(webSocketOf(a))
    await dhtPut(client, signpostKey(owner.publicKey), older!)
    expect(await box.post('find', findCodec.encode([owner.publicKey]))).toEqual(newer)
  })

  test('keeps of one peer as many records as allowed', async () => {
    const relay = await startRelay()
    const { client } = await person()
    await client.dial(webSocketOf(relay))
    await putMoreThanAPeerMay(client)
    expect(await refused(relay, 'dht-records-per-peer')).toBe(1)
    expect(await relay.registry.getSingleMetricAsString('starling_relay_dht_records')).toContain(
      `starling_relay_dht_records ${MAX_DHT_RECORDS_PER_PEER}`,
    )
  })

  test('answers so many requests of one peer a minute, also on one stream', async () => {
    const nowMs = Date.now()
    // Always the same minute, however long this takes.
    const relay = await startRelay([], { clock: { ...systemClock, now: () => nowMs } })
    const client = await stockClient()
    // It would ask the relay of its own accord.
    await stop(client.services.dht)
    const frames = lpStream(await client.dialProtocol(webSocketOf(relay), DHT_PROTOCOL))
    const ask = async (): Promise<unknown> => {
      await frames.write(FIND_NODE)
      return await frames.read()
    }
    for (let n = 0; n < MAX_DHT_REQUESTS_PER_MINUTE; n += 1) await ask()
    expect(await refused(relay, 'dht-requests')).toBe(0)
    await expect(ask()).rejects.toThrow()
    expect(await refused(relay, 'dht-requests')).toBe(1)
  })

  test('keeps of somebody who came and says to be a relay no more than of others', async () => {
    const often = systemClock.after.bind(systemClock)
    const clock = {
      ...systemClock,
      after: (delayMs: number, call: () => void) =>
        often(delayMs === RELAY_CHECK_MS ? 10 : delayMs, call),
    }
    const relay = await startRelay([], { clock })
    const client = await selfStyledRelay()
    await client.dial(webSocketOf(relay))
    await expect
      .poll(() => relay.registry.getSingleMetricAsString('starling_relay_known_relays'))
      .toContain('starling_relay_known_relays 1')
    await putMoreThanAPeerMay(client)
    expect(await refused(relay, 'dht-records-per-peer')).toBe(1)
  })

  test('keeps more of a relay that the operator names', async () => {
    const client = await selfStyledRelay()
    const relay = await startRelay(['--relay', String(client.getMultiaddrs()[0])])
    await expect
      .poll(() => relay.registry.getSingleMetricAsString('starling_relay_known_relays'))
      .toContain('starling_relay_known_relays 1')
    await putMoreThanAPeerMay(client)
    expect(await refused(relay, 'dht-records-per-peer')).toBe(0)
  })

  test('remembers who came, counted', async () => {
    const relay = await startRelay()
    const { client } = await person()
    await client.dial(webSocketOf(relay))
    // Itself and its guest.
    await expect
      .poll(() => relay.registry.getSingleMetricAsString('starling_relay_peer_rows'))
      .toContain('starling_relay_peer_rows 2')
  })

  test('refuses a record under a foreign key', async () => {
    const relay = await startRelay()
    const ada = await person()
    await ada.client.dial(webSocketOf(relay))
    const { peer } = await signerOf(9)
    const record = await recordOf(ada)
    expect(await dhtPut(ada.client, peerRecordKey(peer), record)).toBe(0)
    expect(await relay.registry.getSingleMetricAsString('starling_relay_dht_records')).toContain(
      'starling_relay_dht_records 0',
    )
  })
})
