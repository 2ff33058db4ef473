import { Libp2pRecord } from '@libp2p/record'
import { PEER_RECORD_LIFE_MS, sequenceOf } from '#lib/protocol/peer-record.ts'
import { peekSignpost } from '#lib/protocol/signpost.ts'
import { DHT_RECORD_LIFE_MS } from '../limits.ts'

/**
 * When a value that kad-dht stores is of no use any more, in ms since 1970: a peer record or signpost at the end of its
 * validity, however often it is put again; any other `DHT_RECORD_LIFE_MS` after it came. 0 for bytes that nobody can read.
 */
export function usefulUntilMs(stored: Uint8Array): number {
  const record = read(stored)
  if (record === null) return 0
  const madeAtMs = sequenceOf(record.value)
  if (madeAtMs >= 0) return madeAtMs + PEER_RECORD_LIFE_MS
  const signpost = peekSignpost(record.value)
  if (signpost !== null) return signpost.expiresAtMs
  return record.timeReceived.getTime() + DHT_RECORD_LIFE_MS
}

function read(stored: Uint8Array): Libp2pRecord | null {
  try {
    return Libp2pRecord.deserialize(stored)
  } catch {
    // Bytes of a broken disk: the caller deletes them.
    return null
  }
}
