import type { TypedEventTarget } from 'main-event'
import type { LinkInfo, Network } from '../../p2p/api.ts'
import type { LogRing } from '../../p2p/log-ring.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type {
  ConnectionInfo,
  LogLevel,
  LogLine,
  NetworkApi,
  RelayInfo,
  RelayTest,
  WakeReason,
  SelfInfo,
  WayTried,
} from './api.ts'
import { changesOf, watch } from '../../rpc/watch.ts'

/** States follow each other at most this fast: faster than anybody reads. */
const PACE_MS = 100

/** A busy log is shown this often. */
const LOG_PACE_MS = 500

/** Bytes and latency change without an event: they are read anew this often while somebody looks. */
const METER_MS = 2_000

/** Relays are measured this often while somebody looks. */
const MEASURE_MS = 30_000

export interface MailboxesOfNetwork extends Pick<
  TypedEventTarget<{ moved: CustomEvent }>,
  'addEventListener' | 'removeEventListener'
> {
  relays(): readonly { address: string; retiredAtMs: number | null; caught: boolean }[]
}

export interface NetworkComponents {
  network: Network
  log: Pick<LogRing, 'lines' | 'addEventListener' | 'removeEventListener'>
  /** A contact's name; null for others. */
  names: (peer: PeerIdString) => string | null
  /** The relays that keep my mailboxes, or did. */
  mailboxes: MailboxesOfNetwork
  clock: Clock
}

/** Shows how this node is connected, as it is and not as it should be, and lets the person change its relays. */
export class NetworkService implements NetworkApi {
  readonly #components: NetworkComponents

  constructor(components: NetworkComponents) {
    this.#components = components
  }

  watchSelf(options?: AbortOptions): AsyncIterable<SelfInfo> {
    const { network } = this.#components
    return this.#watch(
      () => ({
        peer: network.peer,
        state: network.state,
        addresses: network.addresses(),
        webrtc: network.webrtc,
      }),
      options,
    )
  }

  watchConnections(options?: AbortOptions): AsyncIterable<ConnectionInfo[]> {
    const { network, clock } = this.#components
    return watch(
      {
        read: () => network.links().map((link) => this.#connection(link)),
        changes: (again) => {
          const unlisten = changesOf(network, 'changed')(again)
          let cancel = clock.after(METER_MS, meter)
          function meter(): void {
            again()
            cancel = clock.after(METER_MS, meter)
          }
          return () => {
            cancel()
            unlisten()
          }
        },
        paceMs: PACE_MS,
      },
      clock,
      options,
    )
  }

  watchRelays(options?: AbortOptions): AsyncIterable<RelayInfo[]> {
    const { clock, mailboxes, network } = this.#components
    return watch(
      {
        read: () => {
          const kept = new Map(mailboxes.relays().map((each) => [each.address, each]))
          return network.relays().map((relay) => ({
            ...relay,
            mailbox: mailboxOf(kept.get(relay.address)),
            ways: network.ways(relay.address),
          }))
        },
        changes: (again) => {
          const unlisten = [
            changesOf(network, 'changed')(again),
            changesOf(mailboxes, 'moved')(again),
          ]
          let cancel = clock.after(0, measure)
          function measure(): void {
            void network.measureRelays()
            cancel = clock.after(MEASURE_MS, measure)
          }
          return () => {
            cancel()
            for (const each of unlisten) each()
          }
        },
        paceMs: PACE_MS,
      },
      clock,
      options,
    )
  }

  watchLog(minLevel: LogLevel, options?: AbortOptions): AsyncIterable<LogLine[]> {
    const { log, clock } = this.#components
    return watch(
      {
        read: () => log.lines(minLevel),
        changes: changesOf(log, 'line'),
        paceMs: LOG_PACE_MS,
      },
      clock,
      options,
    )
  }

  addRelay(address: string): Promise<string> {
    return this.#components.network.addRelay(address)
  }

  removeRelay(address: string): Promise<void> {
    return this.#components.network.removeRelay(address)
  }

  preferRelay(address: string, preferred: boolean): Promise<void> {
    return this.#components.network.preferRelay(address, preferred)
  }

  testRelay(address: string, options?: AbortOptions): Promise<RelayTest> {
    return this.#components.network.checkRelay(address, options)
  }

  tryWays(options?: AbortOptions): AsyncIterable<WayTried[]> {
    return this.#components.network.tryWays(options?.signal ?? new AbortController().signal)
  }

  wake(reason: WakeReason): Promise<void> {
    return this.#components.network.wake(reason)
  }

  rest(): Promise<void> {
    return this.#components.network.rest()
  }

  #connection({ relay, ...link }: LinkInfo): ConnectionInfo {
    const contact = this.#components.names(link.peer)
    const kind = contact !== null ? 'contact' : relay !== null ? 'relay' : 'other'
    return { ...link, name: contact ?? relay, kind }
  }

  #watch<T>(read: () => T, options?: AbortOptions): AsyncIterable<T> {
    const { clock, network } = this.#components
    return watch({ read, changes: changesOf(network, 'changed'), paceMs: PACE_MS }, clock, options)
  }
}

function mailboxOf(
  kept: ReturnType<MailboxesOfNetwork['relays']>[number] | undefined,
): RelayInfo['mailbox'] {
  if (kept === undefined) return null
  if (kept.retiredAtMs === null) return 'keeps'
  return kept.caught ? 'caught' : null
}
