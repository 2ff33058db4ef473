import { DIRECTORY } from '../../protocol/directory.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { openPeerRecord, sequenceOf, type PeerRecord } from '../../protocol/peer-record.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import { Backoff } from '../backoff.ts'
import type { RelayBook } from '../relay-book/relay-book.ts'
import type { Node } from '../node.ts'
import { askRelay } from '../ask-relay.ts'
import type { Assisted } from '../rendezvous/assisted.ts'
import type { PeerRecordStore } from './record-store.ts'

/** An own DHT lookup ends after this: beyond it, dead servers are all that is left to ask. */
export const DHT_TIMEOUT_MS = 10_000

/** The same peer is looked for in the DHT again after 5 s, then ever more rarely, down to every 10 min. */
const DHT_PACE = { firstMs: 5_000, maxMs: 10 * 60_000 }

export interface DiscoveryComponents {
  relays: RelayBook
  records: PeerRecordStore
  clock: Clock
  random: Random
  log: Logger
}

/**
 * Says at which relays a peer may be, in stages, the cheapest first: the relays of its card and of its last known
 * record; its record from my relays' directories; what a relay said that was asked for help meanwhile; its record from the DHT.
 */
export class Discovery {
  readonly #components: DiscoveryComponents
  /** When the DHT may be asked for a peer again. */
  readonly #dhtLookups = new Map<PeerIdString, { backoff: Backoff; nextAtMs: number }>()
  /** What a relay said of who was looked for when it was asked for help. */
  readonly #assisted = new Map<PeerIdString, string[]>()
  #node: Node | null = null

  constructor(components: DiscoveryComponents) {
    this.#components = components
  }

  attach(node: Node): void {
    this.#node = node
  }

  detach(): void {
    this.#node = null
    this.#dhtLookups.clear()
    this.#assisted.clear()
  }

  /** Relays a peer may be at by what another relay says: for the attempt that is under way, as nobody has signed it but that relay. */
  hear({ peer, relays }: Pick<Assisted, 'peer' | 'relays'>): void {
    this.#assisted.set(peer, relays)
  }

  /** The next question may go to the DHT again, however short ago the last was. */
  wake(): void {
    this.#dhtLookups.clear()
  }

  /** Addresses of relays, stage by stage; `near`: without the last, the DHT. */
  async *relaysOf(
    peer: PeerIdString,
    hints: readonly string[],
    signal: AbortSignal,
    where: 'near' | 'anywhere' = 'anywhere',
  ): AsyncIterable<string[]> {
    const known = await this.#known(peer)
    yield [...new Set([...hints, ...(known?.relays ?? [])])]
    signal.throwIfAborted()
    const listed = await this.#newest(peer, await this.#fromDirectories(peer, signal), known)
    if (listed !== null) yield listed.relays
    signal.throwIfAborted()
    if (where === 'near') return
    const assisted = this.#assisted.get(peer) ?? []
    this.#assisted.delete(peer)
    if (assisted.length > 0) yield assisted
    signal.throwIfAborted()
    const found = await this.#newest(peer, await this.#fromDht(peer, signal), listed ?? known)
    if (found !== null) yield found.relays
  }

  async #known(peer: PeerIdString): Promise<PeerRecord | null> {
    const bytes = await this.#components.records.get(peer)
    return bytes === undefined ? null : this.#open(peer, bytes)
  }

  /** The newest of these when it is newer than what is known; it is then kept. */
  async #newest(
    peer: PeerIdString,
    candidates: Uint8Array[],
    known: PeerRecord | null,
  ): Promise<PeerRecord | null> {
    const newestFirst = candidates.toSorted((a, b) => sequenceOf(b) - sequenceOf(a))
    for (const bytes of newestFirst) {
      if (known !== null && sequenceOf(bytes) <= known.sequence) return null
      const record = await this.#open(peer, bytes)
      if (record === null) continue
      await this.#keep(peer, bytes)
      return record
    }
    return null
  }

  async #keep(peer: PeerIdString, bytes: Uint8Array): Promise<void> {
    try {
      await this.#components.records.put(peer, bytes)
    } catch (error) {
      // On a full disk, say: what it tells holds all the same.
      this.#components.log.warn(`a record of ${peer} is not kept: ${String(error)}`)
    }
  }

  async #open(peer: PeerIdString, bytes: Uint8Array): Promise<PeerRecord | null> {
    try {
      const record = await openPeerRecord(bytes, this.#components.clock.now())
      return record.peer === peer ? record : null
    } catch (error) {
      this.#components.log.debug(`a record of ${peer} is not taken: ${String(error)}`)
      return null
    }
  }

  async #fromDirectories(peer: PeerIdString, signal: AbortSignal): Promise<Uint8Array[]> {
    const { relays, clock, log } = this.#components
    const answers = await Promise.allSettled(
      relays
        .reservedConnections()
        .map((connection) =>
          askRelay(connection, DIRECTORY, { type: 'lookup', peer }, clock, signal),
        ),
    )
    return answers.flatMap((answer) => {
      if (answer.status === 'rejected') {
        log.debug(`a directory did not answer: ${String(answer.reason)}`)
        return []
      }
      return answer.value.type === 'found' ? [answer.value.record] : []
    })
  }

  async #fromDht(peer: PeerIdString, signal: AbortSignal): Promise<Uint8Array[]> {
    const { clock, random, log } = this.#components
    const pace = this.#dhtLookups.get(peer) ?? {
      backoff: new Backoff(random, DHT_PACE),
      nextAtMs: 0,
    }
    if (this.#node === null || clock.now() < pace.nextAtMs) return []
    pace.nextAtMs = clock.now() + pace.backoff.next()
    this.#dhtLookups.set(peer, pace)
    const limit = new AbortController()
    const cancel = clock.after(DHT_TIMEOUT_MS, () => {
      limit.abort(new DOMException('the DHT took too long', 'TimeoutError'))
    })
    const either = AbortSignal.any([signal, limit.signal])
    const found: Uint8Array[] = []
    try {
      for await (const bytes of this.#node.dht.records(peer, { signal: either })) found.push(bytes)
    } catch (error) {
      // What was found until then is good: records are signed.
      log.debug(`the DHT lookup of ${peer} ended: ${String(error)}`)
    } finally {
      cancel()
    }
    return found
  }
}
