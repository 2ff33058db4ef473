import type { StarlingDatabase } from '../../db/schema.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/** The newest sealed record known of each peer, kept over restarts. */
export interface PeerRecordStore {
  get(peer: PeerIdString): Promise<Uint8Array | undefined>
  put(peer: PeerIdString, record: Uint8Array): Promise<void>
}

/** The `peerRecords` table. */
export class DexiePeerRecordStore implements PeerRecordStore {
  readonly #db: Pick<StarlingDatabase, 'peerRecords'>

  constructor(db: Pick<StarlingDatabase, 'peerRecords'>) {
    this.#db = db
  }

  async get(peer: PeerIdString): Promise<Uint8Array | undefined> {
    return (await this.#db.peerRecords.get(peer))?.record
  }

  async put(peer: PeerIdString, record: Uint8Array): Promise<void> {
    await this.#db.peerRecords.put({ peer, record })
  }
}
