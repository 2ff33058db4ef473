import type { Clock } from '#lib/protocol/seams.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { openPeerRecord, validatePeerRecord } from '#lib/protocol/peer-record.ts'
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
