/** Bytes of before are still read, and made the same: what relays hold and what peers send stays understood. */
import { expect, test } from 'vitest'
import { encodeCredit, encodeFrame, UnitDecoder } from '#lib/p2p/channels/frames.ts'
import { directoryRequest, directoryResponse } from '#lib/protocol/directory.ts'
import {
  openPeerRecord,
  type PeerRecord,
  peerRecordKey,
  sealPeerRecord,
} from '#lib/protocol/peer-record.ts'
import { openRelayList, type RelayList, sealRelayList } from '#lib/protocol/relay-list.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'

const MADE = Date.UTC(2026, 0, 1)
const anna = await signerOf(1)
const relay = await signerOf(2)
const vectors = frozenBytes('network-1.0.0')

const record: PeerRecord = {
  peer: anna.peer,
  relays: [`/dns4/relay.example.org/tcp/443/tls/ws/p2p/${relay.peer}`],
  sequence: MADE,
  expiresAtMs: MADE + 60_000,
}

const list: RelayList = {
  issuer: relay.peer,
  issuedAtMs: MADE,
  expiresAtMs: MADE + 60_000,
  relays: [
    {
      peer: anna.peer,
      addresses: ['/dns4/other.example.org/tcp/443/tls/ws'],
      operator: 'Другие',
      lastSeenWorkingAtMs: MADE,
    },
  ],
}

test('a peer record and its key in the DHT', async () => {
  expect(await openPeerRecord(vectors['peerRecord']!, MADE)).toEqual(record)
  expect(await sealPeerRecord(record, anna)).toEqual(vectors['peerRecord'])
  expect(peerRecordKey(anna.peer)).toEqual(vectors['peerRecordKey'])
})

test('a relay list', async () => {
  expect(await openRelayList(vectors['relayList']!, MADE)).toEqual(list)
  expect(await sealRelayList(list, relay)).toEqual(vectors['relayList'])
})

test('what is asked of a directory, and its answers', () => {
  const requests = {
    publish: { type: 'publish', record: vectors['peerRecord']! },
    lookup: { type: 'lookup', peer: anna.peer },
    askRelays: { type: 'relays' },
  } as const
  for (const [name, request] of Object.entries(requests)) {
    expect(directoryRequest.encode(request)).toEqual(vectors[name])
    expect(directoryRequest.decode(vectors[name]!)).toEqual(request)
  }
  const responses = {
    stored: { type: 'stored' },
    found: { type: 'found', record: vectors['peerRecord']! },
    unknown: { type: 'unknown' },
    relays: { type: 'relays', list: vectors['relayList']! },
    refused: { type: 'refused', reason: 'stale' },
  } as const
  for (const [name, response] of Object.entries(responses)) {
    expect(directoryResponse.encode(response)).toEqual(vectors[name])
    expect(directoryResponse.decode(vectors[name]!)).toEqual(response)
  }
})

test('a channel’s units', () => {
  const frame = Uint8Array.from({ length: 200 }, (_, index) => index)
  expect(encodeFrame(frame)).toEqual(vectors['frame'])
  expect(encodeCredit(1_048_576)).toEqual(vectors['credit'])
  const units = new UnitDecoder(1_024).push(Buffer.concat([vectors['credit']!, vectors['frame']!]))
  expect([...units]).toEqual([
    { type: 'credit', bytes: 1_048_576 },
    { type: 'frame', bytes: frame },
  ])
})
