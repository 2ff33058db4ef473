import type { NetworkRow, WayTally } from '../../db/schema.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import type { NetworkStore } from './store.ts'
import { type Measure, measured } from './measured.ts'
import { type Outcome, type RelayWay, tallied } from './tally.ts'

/** Networks remembered; the one this device was on longest ago is forgotten first. */
export const MAX_NETWORKS = 16

/** Ways remembered of one network; the one tried longest ago is forgotten first. */
export const MAX_WAYS = 96

export interface NetworksComponents {
  store: NetworkStore
  clock: Clock
  log: Logger
}

/** One try of a way to the relay at this `host[:port]`. */
export interface Tried {
  relay: string
  way: RelayWay
  outcome: Outcome
}

/**
 * What each network let through, so that a device begins with what works where it is.
 *
 * Which network that is, a relay tells by the address it sees. Until then it is taken for the one of last time; what
 * was tried meanwhile goes to the right one.
 */
export class Networks {
  readonly #components: NetworksComponents
  readonly #rows = new Map<string, NetworkRow>()
  /** On the network this device is on, or seems to be on. */
  #tallies: WayTally[] = []
  /** Its id; null while none was told. */
  #current: string | null = null
  /** Tried while none was told. */
  #meanwhile: Tried[] = []

  constructor(components: NetworksComponents) {
    this.#components = components
  }

  /** @throws when nothing can be read */
  async open(): Promise<void> {
    this.#rows.clear()
    for (const row of await this.#components.store.all()) this.#rows.set(row.id, row)
    this.moved()
  }

  /** It may be on another network from now on. */
  moved(): void {
    const [last] = [...this.#rows.values()].toSorted((a, b) => b.seenAtMs - a.seenAtMs)
    this.#tallies = last?.ways ?? []
    this.#current = null
    this.#meanwhile = []
  }

  /** A relay saw this network's id; the first one counts. */
  on(id: string): void {
    if (this.#current !== null) return
    this.#current = id
    this.#tallies = this.#rows.get(id)?.ways ?? []
    const meanwhile = this.#meanwhile
    this.#meanwhile = []
    for (const tried of meanwhile) this.#count(tried)
    this.#keep(id)
  }

  of(relay: string, way: RelayWay): WayTally | undefined {
    return this.#tallies.find((tally) => tally.relay === relay && tally.way === way)
  }

  count(tried: Tried): void {
    this.#count(tried)
    if (this.#current !== null) this.#keep(this.#current)
    else this.#meanwhile = [...this.#meanwhile, tried].slice(-MAX_WAYS)
  }

  /**
   * A connection by this way showed something of it. It counts where a relay told which network this is, and the way came through
   * on it: a connection may outlast the network it was made on.
   */
  measure(relay: string, way: RelayWay, measure: Measure): void {
    const before = this.of(relay, way)
    if (this.#current === null || before === undefined) return
    const tally = measured(before, measure, this.#components.clock.now())
    if (tally === before) return
    this.#set(before, tally)
    this.#keep(this.#current)
  }

  /** Where this relay said last that it has WebTransport, on whatever network that was. */
  announced(relay: string): string[] {
    const elsewhere = [...this.#rows.values()].toSorted((a, b) => b.seenAtMs - a.seenAtMs)
    for (const tallies of [this.#tallies, ...elsewhere.map(({ ways }) => ways)]) {
      const known = tallies.find((each) => each.relay === relay && each.addresses !== undefined)
      if (known?.addresses !== undefined) return known.addresses
    }
    return []
  }

  /** A relay says where it has WebTransport. */
  announce(relay: string, addresses: string[]): void {
    const way = 'webtransport'
    const before = this.of(relay, way)
    if (before === undefined && addresses.length === 0) return
    const untried = { relay, way, tries: 0, through: 0, openMs: null, atMs: 0 } as const
    this.#set(before, { ...(before ?? untried), addresses })
    if (this.#current !== null) this.#keep(this.#current)
  }

  #count({ relay, way, outcome }: Tried): void {
    const before = this.of(relay, way)
    const tally = tallied(before, { relay, way }, outcome, this.#components.clock.now())
    this.#set(before, tally)
  }

  #set(before: WayTally | undefined, tally: WayTally): void {
    const others = this.#tallies.filter((each) => each !== before)
    this.#tallies = [...others, tally].slice(-MAX_WAYS)
  }

  #keep(id: string): void {
    const { store, clock, log } = this.#components
    const row = { id, seenAtMs: clock.now(), ways: this.#tallies }
    this.#rows.delete(id)
    this.#rows.set(id, row)
    const writes = [store.put(row)]
    if (this.#rows.size > MAX_NETWORKS) {
      const [oldest] = [...this.#rows.values()].toSorted((a, b) => a.seenAtMs - b.seenAtMs)
      this.#rows.delete(oldest!.id)
      writes.push(store.delete(oldest!.id))
    }
    Promise.all(writes).catch((error: unknown) => {
      log.warn(`what this network lets through is not kept: ${String(error)}`)
    })
  }
}
