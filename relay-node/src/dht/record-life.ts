import { Libp2pRecord } from '@libp2p/record'
import { PEER_RECORD_LIFE_MS, sequenceOf } from '#lib/protocol/peer-record.ts'
import { peekSignpost } from '#lib/protocol/signpost.ts'
import { DHT_RECORD_LIFE_MS } from '../limits.ts'

/** What a value that kad-dht stores says of itself. */
export interface RecordLife {
  /**
   * When it is of no use any more, in ms since 1970: a peer record or signpost at the end of its validity, however often
   * it is put again; any other `DHT_RECORD_LIFE_MS` after it came. 0 for bytes that nobody can read.
   */
  untilMs: number
  /** Of a signpost, the larger the newer; null when it is none. */
  signpostSequence: number | null
}

/** Without a look at signatures: kad-dht has validated what it stores. */
export function recordLife(stored: Uint8Array): RecordLife {
  const record = read(stored)
  if (record === null) return { untilMs: 0, signpostSequence: null }
  const madeAtMs = sequenceOf(record.value)
  if (madeAtMs >= 0) return { untilMs: madeAtMs + PEER_RECORD_LIFE_MS, signpostSequence: null }
  const signpost = peekSignpost(record.value)
  if (signpost !== null) {
    return { untilMs: signpost.expiresAtMs, signpostSequence: signpost.sequence }
  }
  return { untilMs: record.timeReceived.getTime() + DHT_RECORD_LIFE_MS, signpostSequence: null }
}

/** The same value as if it had come at this time. @throws when nobody can read it */
export function receivedAt(stored: Uint8Array, timeMs: number): Uint8Array {
  const { key, value } = Libp2pRecord.deserialize(stored)
  return new Libp2pRecord(key, value, new Date(timeMs)).serialize().subarray()
}

function read(stored: Uint8Array): Libp2pRecord | null {
  try {
    return Libp2pRecord.deserialize(stored)
  } catch {
    // Bytes of a broken disk: the caller deletes them.
    return null
  }
}
