import { describe, expect, test } from 'vitest'
import { ExpiredError, InvalidDataError, InvalidSignatureError } from '#lib/protocol/errors.ts'
import {
  CLOCK_TOLERANCE_MS,
  MAX_PEER_RECORD_BYTES,
  MAX_RECORD_RELAYS,
  openPeerRecord,
  PEER_RECORD_LIFE_MS,
  type PeerRecord,
  peerRecordKey,
  sealPeerRecord,
  selectPeerRecord,
  validatePeerRecord,
} from '#lib/protocol/peer-record.ts'
import { MAX_ADDRESS_CHARS } from '#lib/protocol/schemas.ts'
import { signerOf } from '../../fixtures/signers.ts'

const NOW = Date.UTC(2026, 0, 1)

/** A multiaddr of exactly this many characters. */
function address(chars: number): string {
  return `/dns/${'a'.repeat(chars - '/dns//tcp/443/tls/ws'.length)}/tcp/443/tls/ws`
}

describe('a peer record', async () => {
  const ada = await signerOf(1)
  const bob = await signerOf(2)
  const record: PeerRecord = {
    peer: ada.peer,
    relays: [address(40)],
    sequence: NOW,
    expiresAtMs: NOW + PEER_RECORD_LIFE_MS,
  }

  test('opens until it expires', async () => {
    const bytes = await sealPeerRecord(record, ada)
    expect(await openPeerRecord(bytes, record.expiresAtMs - 1)).toEqual(record)
    await expect(openPeerRecord(bytes, record.expiresAtMs)).rejects.toThrow(ExpiredError)
  })

  test('holds as many relays as allowed, at full length, and not one more', async () => {
    const full = Array<string>(MAX_RECORD_RELAYS).fill(address(MAX_ADDRESS_CHARS))
    const bytes = await sealPeerRecord({ ...record, relays: full }, ada)
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_PEER_RECORD_BYTES)
    const tooMany = sealPeerRecord({ ...record, relays: [...full, address(40)] }, ada)
    await expect(tooMany).rejects.toThrow(InvalidDataError)
    const tooLong = sealPeerRecord({ ...record, relays: [address(MAX_ADDRESS_CHARS + 1)] }, ada)
    await expect(tooLong).rejects.toThrow(InvalidDataError)
  })

  test('holds multiaddrs only', async () => {
    const sealing = sealPeerRecord({ ...record, relays: ['relay.example.org'] }, ada)
    await expect(sealing).rejects.toThrow(InvalidDataError)
  })

  test('lives no longer than a record may', async () => {
    const longest = PEER_RECORD_LIFE_MS + CLOCK_TOLERANCE_MS
    await sealPeerRecord({ ...record, expiresAtMs: NOW + longest }, ada)
    const sealing = sealPeerRecord({ ...record, expiresAtMs: NOW + longest + 1 }, ada)
    await expect(sealing).rejects.toThrow(InvalidDataError)
  })

  test('is not from the future, but for clocks that differ', async () => {
    const bytes = await sealPeerRecord(record, ada)
    await openPeerRecord(bytes, NOW - CLOCK_TOLERANCE_MS)
    const opening = openPeerRecord(bytes, NOW - CLOCK_TOLERANCE_MS - 1)
    await expect(opening).rejects.toThrow(InvalidDataError)
  })

  test('is only kept under the key of its own peer', async () => {
    const validate = validatePeerRecord({ now: () => NOW })
    const bytes = await sealPeerRecord(record, ada)
    await expect(validate(peerRecordKey(ada.peer), bytes)).resolves.toBeUndefined()
    await expect(validate(peerRecordKey(bob.peer), bytes)).rejects.toThrow(InvalidDataError)
  })

  test('of another, with the signature kept, does not fit', async () => {
    const bytes = await sealPeerRecord(record, ada)
    const forged = Uint8Array.from(bytes)
    forged[forged.length - 1]! ^= 1
    await expect(openPeerRecord(forged, NOW)).rejects.toThrow(InvalidSignatureError)
  })

  test('of the largest sequence is chosen, and nothing that is no record', async () => {
    const values = await Promise.all(
      [1, 3, 2].map((n) => sealPeerRecord({ ...record, sequence: NOW + n }, ada)),
    )
    expect(selectPeerRecord(peerRecordKey(ada.peer), [Uint8Array.of(1), ...values])).toBe(2)
  })
})
