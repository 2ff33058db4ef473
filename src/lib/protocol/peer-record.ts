/**
 * A peer record says which relays hold a peer's reservation, so that somebody who knows only the id finds it.
 *
 * A browser signs one whenever its reservations change and well before the last one expires, and publishes
 * it through its relays (directory.ts), which also put it into the DHT. Of two records of one peer the one with
 * the larger sequence counts. A DHT server refuses what `validatePeerRecord` refuses.
 */
import * as v from 'valibot'
import type { Clock } from './seams.ts'
import { equalBytes } from './codec.ts'
import { InvalidDataError, StarlingError } from './errors.ts'
import { type PeerIdString, publicKeyOf } from './ids.ts'
import { addressSchema, peerIdSchema, timeMsSchema } from './schemas.ts'
import { requireFresh, signed, type Signer } from './signed.ts'

/** Signature context. */
export const PEER_RECORD_CONTEXT = 'starling-peer-record'

/** Namespace of the DHT keys, `/starling-peer/<peer id as text>`. */
export const PEER_RECORD_NAMESPACE = 'starling-peer'

/** Relay addresses in a record: three relays in two ways each, and some to spare. */
export const MAX_RECORD_RELAYS = 8

/** Longest body in bytes: `MAX_RECORD_RELAYS` addresses of full length and the rest. */
export const MAX_PEER_RECORD_BODY_BYTES = 2_304

/** Longest record as sent and stored, in bytes, its signature included. */
export const MAX_PEER_RECORD_BYTES = MAX_PEER_RECORD_BODY_BYTES + 80

/** How long a record is valid from its making: a browser seen yesterday may be back at the same relays. */
export const PEER_RECORD_LIFE_MS = 24 * 60 * 60_000

/** How far two honest clocks may be apart. */
export const CLOCK_TOLERANCE_MS = 10 * 60_000

const schema = v.pipe(
  v.strictObject({
    peer: peerIdSchema,
    /** Multiaddrs of relays, each ending in `/p2p/<relay>`. */
    relays: v.pipe(v.array(addressSchema), v.maxLength(MAX_RECORD_RELAYS)),
    /** When it was made, in ms since 1970, and more than in any record of this peer before. */
    sequence: timeMsSchema,
    expiresAtMs: timeMsSchema,
  }),
  v.check(
    ({ sequence, expiresAtMs }) =>
      sequence < expiresAtMs && expiresAtMs - sequence <= PEER_RECORD_LIFE_MS + CLOCK_TOLERANCE_MS,
    'lives longer than a record may',
  ),
)

export type PeerRecord = v.InferOutput<typeof schema>

const records = signed<PeerRecord>({
  context: PEER_RECORD_CONTEXT,
  schema,
  maxBytes: MAX_PEER_RECORD_BODY_BYTES,
  signedBy: (record) => publicKeyOf(record.peer),
})

/** @throws InvalidDataError, LimitExceededError when the record breaks a rule or is not the signer's own. */
export function sealPeerRecord(
  record: PeerRecord,
  signer: Signer,
): Promise<Uint8Array<ArrayBuffer>> {
  return records.seal(record, signer)
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError, ExpiredError */
export async function openPeerRecord(bytes: Uint8Array, nowMs: number): Promise<PeerRecord> {
  const record = await records.open(bytes)
  requireFresh(record.expiresAtMs, nowMs)
  // A record from the future could not be replaced before its time has come.
  if (record.sequence > nowMs + CLOCK_TOLERANCE_MS) throw new InvalidDataError('from the future')
  return record
}

/** The key in the DHT under which this peer's record is kept. */
export function peerRecordKey(peer: PeerIdString): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`/${PEER_RECORD_NAMESPACE}/${peer}`)
}

/**
 * What a DHT server asks before it keeps a value under `/starling-peer/…`, in the form @libp2p/kad-dht wants.
 * The returned function throws like `openPeerRecord`, and InvalidDataError under a key of another peer.
 */
export function validatePeerRecord(
  clock: Pick<Clock, 'now'>,
): (key: Uint8Array, value: Uint8Array) => Promise<void> {
  return async (key, value) => {
    const record = await openPeerRecord(value, clock.now())
    if (!equalBytes(peerRecordKey(record.peer), key))
      throw new InvalidDataError('under a foreign key')
  }
}

/** Index of the newest of these records (validated before), in the form @libp2p/kad-dht wants. */
export function selectPeerRecord(_key: Uint8Array, values: Uint8Array[]): number {
  const sequences = values.map(sequenceOf)
  return sequences.indexOf(Math.max(...sequences))
}

/** The sequence of sealed bytes; −1, older than any, when they are no record. */
export function sequenceOf(bytes: Uint8Array): number {
  try {
    return records.peek(bytes).sequence
  } catch (error) {
    if (error instanceof StarlingError) return -1
    throw error
  }
}
