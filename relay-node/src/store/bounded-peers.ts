import { type Datastore, Key } from 'interface-datastore'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { QuotaError } from '../errors.ts'
import { MAX_PEER_ROW_BYTES, MAX_PEER_ROWS } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { WrappedDatastore } from './wrapped-datastore.ts'

/** Where libp2p's peer store keeps a row for each peer, under its id as a CID. */
const PEERS = '/peers/'

export interface BoundedPeersComponents {
  datastore: Datastore
  refusals: Refusals
  /** Whether the row of this peer stays: the relay's own, and those of relays it is to find again. */
  isKept: (peer: string) => boolean
}

/**
 * Bounds the rows of libp2p's peer store, which keeps everyone who ever came or was named by somebody, and forgets the
 * expired only at its start. The row that was not written for the longest time makes room for a new one.
 */
export class BoundedPeers extends WrappedDatastore {
  readonly #components: BoundedPeersComponents
  /** Keys; the one longest not written first. */
  readonly #rows = new Set<string>()

  constructor(components: BoundedPeersComponents) {
    super(components.datastore)
    this.#components = components
  }

  /** Rows there are. */
  get size(): number {
    return this.#rows.size
  }

  /** Counts what earlier runs left. To be called before anything else. */
  async start(): Promise<void> {
    for await (const key of this.inner.queryKeys({ prefix: PEERS })) this.#rows.add(key.toString())
  }

  /** @throws QuotaError when it is a row longer than `MAX_PEER_ROW_BYTES` */
  override async put(...[key, value, options]: Parameters<Datastore['put']>): Promise<Key> {
    const name = key.toString()
    if (name.startsWith(PEERS)) {
      this.#requireShort(value)
      this.#rows.delete(name)
      this.#rows.add(name)
      await this.#makeRoom()
    }
    return await super.put(key, value, options)
  }

  override async delete(...[key, options]: Parameters<Datastore['delete']>): Promise<void> {
    this.#rows.delete(key.toString())
    await super.delete(key, options)
  }

  #requireShort({ byteLength }: Uint8Array): void {
    if (byteLength <= MAX_PEER_ROW_BYTES) return
    this.#components.refusals.count('peer-too-large')
    throw new QuotaError(`${byteLength} bytes about a peer where ${MAX_PEER_ROW_BYTES} are kept`)
  }

  async #makeRoom(): Promise<void> {
    while (this.#rows.size > MAX_PEER_ROWS) {
      const oldest = this.#rows.values().find((row) => !this.#components.isKept(peerOf(row)))
      if (oldest === undefined) return
      this.#components.refusals.count('peers-total')
      await this.delete(new Key(oldest, false))
    }
  }
}

/** The id of the peer a row is about, as text. */
function peerOf(row: string): string {
  const { multihash } = CID.parse(row.slice(PEERS.length))
  // Peer ids are written without the prefix that says it is base58.
  return base58btc.baseEncode(multihash.bytes)
}
