import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { expect, test } from 'vitest'
import {
  ASSIST_PATH,
  ASSIST_WINDOW_MS,
  assistAnswer,
  assistGreeting,
  type AssistRefusal,
  assistRefusal,
  type AssistRequest,
  assistRequest,
} from '#lib/protocol/assist.ts'
import { DIRECTORY_PROTOCOL, directoryRequest, directoryResponse } from '#lib/protocol/directory.ts'
import { parsePeerId, type PeerIdString } from '#lib/protocol/ids.ts'
import { sealPeerRecord } from '#lib/protocol/peer-record.ts'
import { relayPrekeys } from '#lib/protocol/relay-prekeys.ts'
import { RENDEZVOUS_PROTOCOL } from '#lib/protocol/rendezvous/join.ts'
import { readTicket } from '#lib/protocol/rendezvous/ticket.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import {
  KEEPALIVE_MS,
  MAX_ASSISTS_PER_MINUTE,
  MAX_ASSISTS_PER_PEER_PER_MINUTE,
} from '#relay/limits.ts'
import type { Relay } from '#relay/relay.ts'
import { relaySigner } from '#relay/store/identity.ts'
import { createOpeningKeys, sealForRelay } from '../../../src/lib/crypto/relay-seal.ts'
import { askAssistance } from '../../../src/lib/p2p/rendezvous/ask-assistance.ts'
import { assistedBy } from '../../../src/lib/p2p/rendezvous/assisted.ts'
import { freePort } from '../../support/relay.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { refused, startRelay, stockClient, webSocketOf } from './harness.ts'

interface Somebody {
  key: Ed25519PrivateKey
  peer: PeerIdString
  signer: Signer
}

async function somebody(): Promise<Somebody> {
  const key = await generateKeyPair('Ed25519')
  return { key, peer: parsePeerId(key.publicKey.toString()), signer: relaySigner(key) }
}

function ask(relay: Relay, { signer }: Somebody, { peer }: Somebody) {
  return askAssistance(
    { signer, random: systemRandom },
    { origin: relay.address, relay: relay.peerId, peer },
  )
}

/** A request as a test wants it, sealed for the relay. */
async function requestOf(
  relay: Relay,
  from: Somebody,
  to: Somebody,
  { forged = false, ...changes }: Partial<AssistRequest> & { forged?: boolean } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(`${relay.address}${ASSIST_PATH}`)
  const { nowMs, prekeys } = assistGreeting.decode(new Uint8Array(await response.arrayBuffer()))
  const request = await assistRequest.seal(
    {
      relay: relay.peerId,
      from: from.peer,
      to: to.peer,
      atMs: nowMs,
      nonce: systemRandom.bytes(16),
      ...changes,
    },
    from.signer,
  )
  if (forged) request[request.byteLength - 1]! ^= 1
  return sealForRelay(await relayPrekeys.open(prekeys), request, systemRandom).sealed
}

/** Status, and the reason of a refusal. */
async function post(
  relay: Relay,
  body: Uint8Array<ArrayBuffer> | string,
  type = 'application/octet-stream',
): Promise<{ status: number; reason: AssistRefusal['reason'] | null }> {
  const response = await fetch(`${relay.address}${ASSIST_PATH}`, {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  return {
    status: response.status,
    reason: response.ok ? null : assistRefusal.decode(bytes).reason,
  }
}

test('who asks gets what is there, signed by the relay', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const client = await stockClient()
  await client.dial(webSocketOf(relay))
  await client.services.ping.ping(webSocketOf(relay))
  const answer = await ask(relay, ada, bob)
  expect(answer).toMatchObject({ relay: relay.peerId, invited: false, fec: 'none', refused: [] })
  expect(answer.relays).toEqual([
    {
      peer: relay.peerId,
      why: 'asked',
      addresses: expect.arrayContaining([webSocketOf(relay).toString()]) as string[],
    },
  ])
  expect(answer.transports[0]).toMatchObject({ transport: 'websocket', perMille: 1_000 })
  expect(answer.transports).toHaveLength(4)
  expect(readTicket(answer.ticket)).toMatchObject({ from: ada.peer, to: bob.peer })
  const { relay: by, expiresAtMs } = await relayPrekeys.open(answer.prekeys)
  expect(by).toBe(relay.peerId)
  expect(expiresAtMs).toBeGreaterThan(Date.now())
  // The same as everybody is given, and none of it secret.
  expect((await ask(relay, bob, ada)).prekeys).toEqual(answer.prekeys)
  expect(JSON.stringify(answer)).not.toMatch(/private|secret/i)
})

test('who asks learns how far they are who came by a WebSocket', async () => {
  const clock = new ManualClock()
  const relay = await startRelay([], { clock })
  const [ada, bob] = [await somebody(), await somebody()]
  const client = await stockClient()
  await client.dial(webSocketOf(relay))
  await client.services.ping.ping(webSocketOf(relay))
  const websocket = { transport: 'websocket', perMille: 1_000 }
  const { transports } = await ask(relay, ada, bob)
  expect(transports[0]).toEqual({ ...websocket, roundTripMs: null })
  clock.advance(KEEPALIVE_MS)
  clock.advance(40)
  // The first answer comes after the relay's ping, so the second request comes after the answer to that.
  await client.services.ping.ping(webSocketOf(relay))
  await client.services.ping.ping(webSocketOf(relay))
  const { transports: measured } = await ask(relay, ada, bob)
  expect(measured[0]).toEqual({ ...websocket, roundTripMs: 40 })
})

test('who asks learns at which other relay the peer is by its own record, and takes that up', async () => {
  const relay = await startRelay()
  const [ada, bob, other] = [await somebody(), await somebody(), await somebody()]
  const at = `/ip4/127.0.0.1/tcp/8788/ws/p2p/${other.peer}`
  const [sequence, expiresAtMs] = [Date.now(), Date.now() + 60_000]
  const record = await sealPeerRecord(
    { peer: bob.peer, relays: [at], sequence, expiresAtMs },
    bob.signer,
  )
  const client = await stockClient({ privateKey: bob.key })
  const stream = await client.dialProtocol(webSocketOf(relay), DIRECTORY_PROTOCOL)
  const frames = lpStream(stream)
  await frames.write(directoryRequest.encode({ type: 'publish', record }))
  const said = directoryResponse.decode((await frames.read()).subarray())
  expect(said).toEqual({ type: 'stored' })
  const answer = await ask(relay, ada, bob)
  expect(answer.relays[0]).toEqual({ peer: other.peer, why: 'record', addresses: [at] })
  const target = { origin: relay.address, relay: relay.peerId, peer: bob.peer }
  expect(assistedBy(answer, target)).toMatchObject({ peer: bob.peer, relays: [at] })
})

test('servers for ICE come with a name and password of who asks', async () => {
  const relay = await startRelay([
    ...['--turn', 'node-turn', '--turn-port', String(await freePort())],
    ...['--turn-relay-ports', '40000-40100', '--turn-private-peers'],
  ])
  const [ada, bob] = [await somebody(), await somebody()]
  await expect.poll(async () => (await ask(relay, ada, bob)).ice).not.toBe(null)
  const { ice } = await ask(relay, ada, bob)
  expect(ice!.servers.length).toBeGreaterThan(0)
  expect(ice!.username).not.toContain(ada.peer)
  expect((await ask(relay, bob, ada)).ice!.username).not.toBe(ice!.username)
})

test('who is asked for and connected is sent the ticket', async () => {
  const relay = await startRelay()
  const ada = await somebody()
  const client = await stockClient()
  const came = new Promise<Uint8Array>((resolve) => {
    void client.handle(RENDEZVOUS_PROTOCOL, (stream) => {
      stream.addEventListener('message', ({ data }) => {
        resolve(data.subarray())
      })
    })
  })
  await client.dial(webSocketOf(relay))
  const bob = { ...ada, peer: parsePeerId(client.peerId.toString()) }
  const answer = await ask(relay, ada, bob)
  expect(answer.invited).toBe(true)
  const frame = await came
  expect(frame.slice(-answer.ticket.byteLength)).toEqual(answer.ticket)
})

test('a request is for one relay, of one moment, by who signs it, and answered once', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const good = await requestOf(relay, ada, bob)
  expect(await post(relay, good)).toEqual({ status: 200, reason: null })
  expect(await post(relay, good)).toEqual({ status: 409, reason: 'late' })

  const elsewhere = await requestOf(relay, ada, bob, { relay: bob.peer })
  expect(await post(relay, elsewhere)).toEqual({ status: 401, reason: 'proof' })
  for (const byMs of [-1, 1]) {
    const atMs = Date.now() + byMs * (ASSIST_WINDOW_MS + 60_000)
    const late = await requestOf(relay, ada, bob, { atMs })
    expect(await post(relay, late)).toEqual({ status: 409, reason: 'late' })
  }
  const forged = await requestOf(relay, ada, bob, { forged: true })
  expect(await post(relay, forged)).toEqual({ status: 401, reason: 'proof' })
  // As after a start of the relay: sealed for keys it has no more.
  const reseal = sealForRelay(
    createOpeningKeys(systemRandom).published,
    new Uint8Array(200),
    systemRandom,
  )
  expect(await post(relay, reseal.sealed)).toEqual({ status: 409, reason: 'late' })
  expect(await refused(relay, 'assist-proof')).toBe(6)
  const { refused: counted } = await ask(relay, ada, bob)
  expect(counted).toEqual([{ reason: 'assist-proof', times: 6 }])
})

test.for([
  { what: 'noise', body: systemRandom.bytes(100), status: 400 },
  { what: 'nothing', body: new Uint8Array(0), status: 400 },
  { what: 'a long body', body: new Uint8Array(10_000), status: 413 },
])('$what is no request', async ({ body, status }) => {
  const relay = await startRelay()
  await fetch(`${relay.address}${ASSIST_PATH}`)
  expect(await post(relay, body)).toEqual({ status, reason: 'malformed' })
  expect(await refused(relay, 'assist-malformed')).toBe(1)
})

test('another type of body is no request', async () => {
  const relay = await startRelay()
  const answer = await post(relay, '{}', 'application/json')
  expect(answer).toEqual({ status: 415, reason: 'malformed' })
})

test('a peer is answered so often in a minute', async () => {
  const relay = await startRelay([], { clock: new ManualClock() })
  const [ada, bob] = [await somebody(), await somebody()]
  for (let each = 0; each < MAX_ASSISTS_PER_PEER_PER_MINUTE; each += 1) await ask(relay, ada, bob)
  const more = await requestOf(relay, ada, bob)
  expect(await post(relay, more)).toEqual({ status: 429, reason: 'busy' })
  // Others are.
  await ask(relay, bob, ada)
})

test('an address is answered so often in a minute, whoever asks there', async () => {
  const clock = new ManualClock()
  const relay = await startRelay([], { clock })
  const [ada, bob] = [await somebody(), await somebody()]
  const request = await requestOf(relay, ada, bob)
  // That one took the first.
  for (let each = 1; each < MAX_ASSISTS_PER_MINUTE; each += 1) {
    expect(await post(relay, new Uint8Array(0))).toMatchObject({ status: 400 })
  }
  expect(await post(relay, request)).toEqual({ status: 429, reason: 'busy' })
  clock.advance(60_000)
  expect(await post(relay, request)).toEqual({ status: 200, reason: null })
})

test('an answer is that of the relay to this request', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const misled = askAssistance(
    { signer: ada.signer, random: systemRandom },
    { origin: relay.address, relay: bob.peer, peer: bob.peer },
  )
  await expect(misled).rejects.toThrow('another relay')
  const answer = await ask(relay, ada, bob)
  await expect(assistAnswer.seal(answer, ada.signer)).rejects.toThrow('somebody else')
})
