/** Bytes of before are still read, and made the same: what relays hold and what peers send stays understood. */
import { readFile } from 'node:fs/promises'
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

const MADE = Date.UTC(2026, 0, 1)
const anna = await signerOf(1)
const relay = await signerOf(2)
const vectors = JSON.parse(
  await readFile('tests/fixtures/vectors/network-1.0.0.json', 'utf8'),
) as Record<string, string>

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (name: string): Uint8Array => Uint8Array.from(Buffer.from(vectors[name]!, 'hex'))

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
  expect(await openPeerRecord(bytesOf('peerRecord'), MADE)).toEqual(record)
  expect(hex(await sealPeerRecord(record, anna))).toBe(vectors['peerRecord'])
  expect(hex(peerRecordKey(anna.peer))).toBe(vectors['peerRecordKey'])
})

test('a relay list', async () => {
  expect(await openRelayList(bytesOf('relayList'), MADE)).toEqual(list)
  expect(hex(await sealRelayList(list, relay))).toBe(vectors['relayList'])
})

test('what is asked of a directory, and its answers', () => {
  const requests = {
    publish: { type: 'publish', record: bytesOf('peerRecord') },
    lookup: { type: 'lookup', peer: anna.peer },
    askRelays: { type: 'relays' },
  } as const
  for (const [name, request] of Object.entries(requests)) {
    expect(hex(directoryRequest.encode(request))).toBe(vectors[name])
    expect(directoryRequest.decode(bytesOf(name))).toEqual(request)
  }
  const responses = {
    stored: { type: 'stored' },
    found: { type: 'found', record: bytesOf('peerRecord') },
    unknown: { type: 'unknown' },
    relays: { type: 'relays', list: bytesOf('relayList') },
    refused: { type: 'refused', reason: 'stale' },
  } as const
  for (const [name, response] of Object.entries(responses)) {
    expect(hex(directoryResponse.encode(response))).toBe(vectors[name])
    expect(directoryResponse.decode(bytesOf(name))).toEqual(response)
  }
})

test('a channel’s units', () => {
  const frame = Uint8Array.from({ length: 200 }, (_, index) => index)
  expect(hex(encodeFrame(frame))).toBe(vectors['frame'])
  expect(hex(encodeCredit(1_048_576))).toBe(vectors['credit'])
  const units = new UnitDecoder(1_024).push(Buffer.concat([bytesOf('credit'), bytesOf('frame')]))
  expect([...units]).toEqual([
    { type: 'credit', bytes: 1_048_576 },
    { type: 'frame', bytes: frame },
  ])
})
