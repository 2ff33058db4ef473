import type { AbortOptions } from '../../rpc/api.ts'
import type { RankedWay, TransportName, WakeReason, Way, WayTried } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/**
 * `starting` until a relay is reserved or all have failed; `offline` when the browser says so, no relay answers or
 * there is none.
 */
export type NetworkState = 'starting' | 'online' | 'offline'

export type { RankedWay, TransportName as Transport, WakeReason, Way, WayTried }

export interface SelfInfo {
  peer: PeerIdString
  state: NetworkState
  /** Multiaddrs others can reach me by. */
  addresses: string[]
  /** Whether some tab can hold WebRTC connections; when false everything goes through relays. */
  webrtc: boolean
}

export interface ConnectionInfo {
  id: string
  peer: PeerIdString
  /** A contact's name, a relay's host, or null. */
  name: string | null
  kind: 'relay' | 'contact' | 'other'
  path: 'direct' | 'relayed'
  transport: TransportName
  address: string
  direction: 'inbound' | 'outbound'
  openedAtMs: number
  latencyMs: number | null
  bytesIn: number
  bytesOut: number
}

export type RelayState = 'reserved' | 'connected' | 'connecting' | 'unreachable' | 'idle'

export interface RelayInfo {
  /** The address it was added by; also its key. */
  address: string
  /** `host[:port]`, for people. */
  name: string
  peer: PeerIdString | null
  state: RelayState
  /** `origin`: served this page. `person`: added by hand. `learned`: named by another relay or a card. */
  source: 'origin' | 'person' | 'learned'
  latencyMs: number | null
  lastConnectedAtMs: number | null
  addedAtMs: number
  /** The person wants it before others. */
  preferred: boolean
  /** What it said of itself when last asked; null until then. */
  said: RelaySaid | null
  /** Whether it keeps what comes for me while I sleep; `caught`: it did, and lost or changed some. */
  mailbox: 'keeps' | 'caught' | null
  /** How it is reached from the network this device is on, in the order it will be tried. */
  ways: RankedWay[]
}

/** How a relay stands, as it says itself. */
export interface RelaySaid {
  /** How long it has been running. */
  upMs: number
  /** Of its places, how many are taken, 0 to 100. */
  loadPercent: number
  /** Room for copies of what people share, in bytes; null: it keeps none. */
  copies: { freeBytes: number; maxBytesEach: number } | null
}

export interface RelayTest {
  ok: boolean
  peer: PeerIdString | null
  latencyMs: number | null
  /** Stable name of what went wrong. */
  error: 'unreachable' | 'timeout' | 'not-a-relay' | 'refused' | null
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogLine {
  atMs: number
  level: LogLevel
  /** The component that speaks, such as `keeper`. */
  scope: string
  text: string
}

export interface NetworkApi {
  watchSelf(options?: AbortOptions): AsyncIterable<SelfInfo>
  watchConnections(options?: AbortOptions): AsyncIterable<ConnectionInfo[]>
  watchRelays(options?: AbortOptions): AsyncIterable<RelayInfo[]>
  /**
   * `host[:port]`, an http(s) URL or a multiaddr. Resolves with the address it is listed by.
   * @throws InvalidAddressError, AlreadyKnownError
   */
  addRelay(address: string, options?: AbortOptions): Promise<string>
  removeRelay(address: string, options?: AbortOptions): Promise<void>
  /** Before others from now on, or no more. @throws StorageFullError */
  preferRelay(address: string, preferred: boolean, options?: AbortOptions): Promise<void>
  testRelay(address: string, options?: AbortOptions): Promise<RelayTest>
  /** Tries every way to my relays, and what they offer beside, live: all of them each time one changes, until all are tried. */
  tryWays(options?: AbortOptions): AsyncIterable<WayTried[]>
  /** The newest lines first to last, at most 1,000. */
  watchLog(minLevel: LogLevel, options?: AbortOptions): AsyncIterable<LogLine[]>
  /** Everything that waits is tried at once: the person is back, online again, or asks for it. */
  wake(reason: WakeReason, options?: AbortOptions): Promise<void>
  /** A tab says that the browser has no network: attempts rest until the next `wake`. */
  rest(options?: AbortOptions): Promise<void>
}
