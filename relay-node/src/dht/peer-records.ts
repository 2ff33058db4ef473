import type { KadDHT } from '@libp2p/kad-dht'
import type { Clock } from '#lib/protocol/seams.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  openPeerRecord,
  peerRecordKey,
  sequenceOf,
  validatePeerRecord,
} from '#lib/protocol/peer-record.ts'
import { StaleRecordError } from '../errors.ts'

interface Held {
  bytes: Uint8Array
  sequence: number
  expiresAtMs: number
}

/**
 * The newest record of each peer that was published here. In memory: peers publish again, and the DHT keeps its own copy
 * on disk.
 */
export class PeerRecords {
  readonly #clock: Pick<Clock, 'now'>
  /** Records held at once; the one published longest ago goes for another. */
  readonly #max: number
  readonly #held = new Map<string, Held>()

  constructor(components: { clock: Pick<Clock, 'now'> }, init: { max: number }) {
    this.#clock = components.clock
    this.#max = init.max
  }

  /** The record of `peer`, still valid, or `null`. */
  get(peer: PeerIdString): Uint8Array | null {
    const held = this.#held.get(peer)
    if (held === undefined) return null
    if (held.expiresAtMs > this.#clock.now()) return held.bytes
    this.#held.delete(peer)
    return null
  }

  /**
   * Judges a record and keeps it. The same record again is taken again.
   * @throws StaleRecordError when a newer one is held, and like `openPeerRecord`
   */
  async put(bytes: Uint8Array): Promise<void> {
    const { peer, sequence, expiresAtMs } = await openPeerRecord(bytes, this.#clock.now())
    this.#requireNewest(peer, sequence)
    this.#held.delete(peer)
    this.#held.set(peer, { bytes, sequence, expiresAtMs })
    if (this.#held.size > this.#max) {
      const [oldest] = this.#held.keys()
      if (oldest !== undefined) this.#held.delete(oldest)
    }
  }

  /** What the DHT keeps: valid records under their own key, none older than the one held here. */
  readonly validate = async (key: Uint8Array, value: Uint8Array): Promise<void> => {
    await validatePeerRecord(this.#clock)(key, value)
    const { peer, sequence } = await openPeerRecord(value, this.#clock.now())
    this.#requireNewest(peer, sequence)
  }

  #requireNewest(peer: PeerIdString, sequence: number): void {
    if ((this.#held.get(peer)?.sequence ?? 0) > sequence) {
      throw new StaleRecordError(`a newer record of ${peer} is held`)
    }
  }
}

/** Puts a record on the relays nearest to its key. Resolves with how many answered. */
export async function putIntoDht(
  dht: KadDHT,
  peer: PeerIdString,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  let answers = 0
  for await (const event of dht.put(peerRecordKey(peer), bytes, { signal })) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') answers += 1
  }
  return answers
}

/** The newest record of `peer` that the DHT has, or `null`. */
export async function getFromDht(
  dht: KadDHT,
  peer: PeerIdString,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  let newest: Uint8Array | null = null
  for await (const event of dht.get(peerRecordKey(peer), { signal })) {
    if (event.name !== 'VALUE') continue
    if (newest === null || sequenceOf(event.value) > sequenceOf(newest)) newest = event.value
  }
  return newest
}
