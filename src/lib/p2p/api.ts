import type { TypedEventTarget } from 'main-event'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Question } from '../protocol/question.ts'
import type { RelayStatusAnswer } from '../protocol/relay-status.ts'
import type { Startable } from '../protocol/seams.ts'

/**
 * One ordered stream of frames with one peer for one protocol. It lives as long as the stream under it: when
 * the stream breaks, or a better connection takes over, `closed` is aborted and a new channel is handed out.
 * Both sides then say again where they are; whatever was under way may or may not have arrived.
 */
export interface Channel {
  readonly peer: PeerIdString
  readonly path: 'direct' | 'relayed'
  /** How many connections frames are spread over now. */
  readonly connections: number
  /** Aborted once nothing more can be sent or will be received. */
  readonly closed: AbortSignal
  /**
   * Resolves when the stream has room for more, not when the frame arrived.
   * @throws ChannelClosedError, LimitExceededError
   */
  send(frame: Uint8Array): Promise<void>
  /** The same for a frame that may overtake others, and be overtaken: over whichever connection has room. */
  spread(frame: Uint8Array): Promise<void>
  /** Much is to come that may be spread: on a long path more connections are opened for it. */
  widen(): void
  /**
   * Frames in the order they were sent, but those that were spread; ends once closed and all is read that came before. To be read once. Not
   * reading holds the peer back.
   */
  frames(): AsyncIterable<Uint8Array>
  /** Ends the channel, because of `reason` when something was wrong with what the peer sent. */
  close(reason?: Error): void
}

export interface ChannelInit {
  protocol: string
  /** Longest frame in bytes, both ways; a longer one ends the channel. */
  maxFrameBytes: number
  /** Whether frames may be spread over several connections. Default: they are not. */
  wide?: boolean
  /** Whether a channel with this peer is wanted. Asked when it connects and when `offer` is called. */
  accept(peer: PeerIdString): Promise<boolean> | boolean
  /** Whether a channel that this peer opens is taken although none is wanted. Default: it is not. */
  takes?(peer: PeerIdString): boolean
  /** A channel is ready. The newest channel of a peer is the only one that lives. */
  onChannel(channel: Channel): void
}

/** Keeps one channel open for each protocol and connected peer that want it. */
export interface Channels {
  /** Serves and opens this protocol until the returned function is called. */
  handle(init: ChannelInit): Promise<() => Promise<void>>
  /** Asks `accept` again, because the answer may have changed; a channel no longer wanted is closed. */
  offer(protocol: string, peer: PeerIdString): void
}

export interface PeersEvents {
  /** The path to a peer changed: it connected, disconnected, or moved between relayed and direct. */
  path: CustomEvent<{ peer: PeerIdString; path: PeerPath }>
}

export type PeerPath = 'direct' | 'relayed' | 'offline'

/** What a peer is wanted for. Default: `contact`. */
export type Purpose = 'contact' | 'transfer'

/** Keeps connections to the peers somebody wants, over whatever ways exist. */
export interface Peers extends TypedEventTarget<PeersEvents> {
  path(peer: PeerIdString): PeerPath
  /**
   * Keep connected to this peer from now on, with these relays (`host[:port]` or multiaddrs) as first hints.
   * Calling again replaces the hints and dials at once if offline. Only `directly` is a direct connection made with it
   * or taken from it: that shows each side the address of the other.
   *
   * @param by for what: each takes back only its own wish
   */
  want(
    peer: PeerIdString,
    relays?: readonly string[],
    how?: 'directly' | 'relayed',
    by?: Purpose,
  ): void
  /** No longer for this; when for nothing else either, open connections are closed. */
  unwant(peer: PeerIdString, by?: Purpose): void
  /** Connections from and to this peer are refused from now on; open ones are closed. */
  deny(peer: PeerIdString): void
  allow(peer: PeerIdString): void
  /** Hosts (`host[:port]`) of the relays that hold a reservation for me, for my card. */
  myRelays(): string[]
}

/** Why to try everything at once: the network, the tab or the device is back, or the person asks for it. */
export type WakeReason = 'online' | 'visible' | 'resume' | 'asked'

/** What the browser says about its network. */
export interface BrowserNetwork {
  /** Nothing is retried by itself meanwhile: what fails now will fail again, at the cost of a battery. */
  readonly offline: boolean
  /** No page of this node is in sight: what only serves to be faster is not worth a battery. */
  readonly hidden: boolean
}

/** Whether a person may be looking at one of the pages of this node. */
export interface PagesInSight extends TypedEventTarget<{ changed: CustomEvent }> {
  readonly inSight: boolean
}

/** Whether WebRTC connections can be made now: in a browser, whether a tab serves as the bridge. */
export interface WebRtcBridge extends TypedEventTarget<WebRtcBridgeEvents> {
  readonly available: boolean
}

export interface WebRtcBridgeEvents {
  /** A bridge came, went, or was replaced by another, whose connections are all new. */
  changed: CustomEvent
  /** One of the connections lost its way to the peer, maybe for a moment only. */
  unsteady: CustomEvent
}

/**
 * `starting` until the node runs and a relay is reserved or all have failed; `offline` while the browser says so, no
 * relay answers or there is none.
 */
export type NodeState = 'starting' | 'online' | 'offline'

export type TransportName =
  | 'websocket'
  | 'webtransport'
  | 'webrtc'
  | 'webrtc-direct'
  | 'http-binary'
  | 'http-sse'
  | 'http-longpoll'
  | 'http-ws'
  | 'circuit'
  | 'rendezvous'
  | 'other'

/** One open connection. */
export interface LinkInfo {
  id: string
  peer: PeerIdString
  /** `host[:port]` when the peer is one of my relays, else null. */
  relay: string | null
  path: 'direct' | 'relayed'
  transport: TransportName
  address: string
  direction: 'inbound' | 'outbound'
  openedAtMs: number
  /** One message there and back; null until the first has been measured. */
  latencyMs: number | null
  /** Of everything on it, since it opened. */
  bytesIn: number
  bytesOut: number
}

/** A relay in my book. */
export interface RelayStatus {
  /** The address it was added by; also its key. */
  address: string
  /** `host[:port]`, for people. */
  name: string
  peer: PeerIdString | null
  state: 'reserved' | 'connected' | 'connecting' | 'unreachable' | 'idle'
  source: RelaySource
  latencyMs: number | null
  lastConnectedAtMs: number | null
  addedAtMs: number
  /** The person wants it before others. */
  preferred: boolean
  /** What it said of itself when last asked; null until then. */
  said: RelayStatusAnswer | null
}

/** `origin`: served this page. `person`: added by hand. `learned`: named by another relay or a card. */
export type RelaySource = 'origin' | 'person' | 'learned'

export interface RelayCheck {
  ok: boolean
  peer: PeerIdString | null
  latencyMs: number | null
  error: 'unreachable' | 'timeout' | 'not-a-relay' | 'refused' | null
}

/** A way through a network: how a relay is reached, or what helps to meet people directly. */
export type Way =
  | 'websocket'
  | 'http-ws'
  | 'http-binary'
  | 'http-sse'
  | 'http-longpoll'
  | 'webtransport'
  | 'stun'
  | 'turn-udp'
  | 'turn-tcp'
  | 'turn-tls'

/** One way, as it was tried. */
export interface WayTried {
  way: Way
  /** `host[:port]` of the relay it leads to, or that offers it. */
  relay: string
  state: 'waiting' | 'trying' | 'works' | 'fails'
  /** There and back, or until the first answer; null unless it works. */
  latencyMs: number | null
}

/** One way to a relay, as it stands on the network this device is on. */
export interface RankedWay {
  way: 'websocket' | 'http' | 'webtransport'
  /** Over HTTP: the mode that went last; null where that is not known. */
  mode: 'ws' | 'binary' | 'sse' | 'longpoll' | null
  /** How good it is, from 0 to 1: what it is ranked by. See `scoreOf`. */
  score: number
  /**
   * `used`: the relay is connected by it. `spare`: it is so beside that, in case the other breaks. `open`: it came through when last tried. `blocked`: it did not, or broke soon, where
   * another did. `down`: no way to the relay came through when last tried. `untried`: nothing is known of it here.
   */
  state: 'used' | 'spare' | 'open' | 'blocked' | 'down' | 'untried'
  /** How long it takes to open; null: never seen. */
  openMs: number | null
  /** When it last came through, or was beaten by another; null: never. */
  triedAtMs: number | null
  /** Of pings over connections in use by it, the share answered late or never, from 0 to 1; null: too few are known. */
  lateShare: number | null
  /** The most that such a connection carried for a while; null: none carried much. */
  bytesPerSecond: number | null
}

export interface NetworkEvents {
  /** Something `state`, `addresses`, `links`, `relays` or `ways` tell has changed. */
  changed: CustomEvent
  /** What waits is tried at once. */
  woken: CustomEvent
}

/** How this node is connected, for a person to see and to change. */
export interface Network extends TypedEventTarget<NetworkEvents> {
  readonly peer: PeerIdString
  readonly state: NodeState
  readonly webrtc: boolean
  /** Multiaddrs others can reach me by. */
  addresses(): string[]
  links(): LinkInfo[]
  relays(): RelayStatus[]
  /**
   * The ways to the relay at this `host[:port]` or multiaddr, in the order they will be tried; none while the node does not
   * run. @throws InvalidAddressError
   */
  ways(relay: string): RankedWay[]
  /** Resolves with the address it is listed by. @throws InvalidAddressError, AlreadyKnownError */
  addRelay(address: string): Promise<string>
  removeRelay(address: string): Promise<void>
  /** @throws StorageFullError */
  preferRelay(address: string, preferred: boolean): Promise<void>
  /** Measures my relays anew, and asks how they stand. */
  measureRelays(): Promise<void>
  /** Tries every way to my relays, and what they offer beside, live. See `tryWays`. @throws NotRunningError */
  tryWays(signal: AbortSignal): AsyncIterable<WayTried[]>
  /** Connects, and sees whether the peer offers circuit relay. @throws InvalidAddressError */
  checkRelay(address: string, options?: { signal?: AbortSignal }): Promise<RelayCheck>
  /**
   * Asks the relay at this `host[:port]` or multiaddr, mine or another's, over a connection to it that is made where there
   * is none.
   * @throws InvalidAddressError, NotRunningError, NoAnswerError, what the decoder throws, or the transport's error
   */
  askRelay<Request, Response>(
    relay: string,
    question: Question<Request, Response>,
    request: Request,
    options?: { signal?: AbortSignal },
  ): Promise<Response>
  /** The person or the network is back: test what is open, and retry at once what waits. */
  wake(reason: WakeReason): Promise<void>
  /** The browser says that there is no network: test what is open, and retry nothing by itself until woken. */
  rest(): Promise<void>
}

/** The node with everything on it. Nothing is dialled before `start`. */
export interface P2P extends Startable {
  readonly peers: Peers
  readonly channels: Channels
  readonly network: Network
  /**
   * Whether nobody but relays learns this device's network address. Then no WebRTC connection is made or answered, and open
   * ones end: everything goes through relays. To be said before `start`, or nobody is hidden from yet.
   */
  hideAddress(hidden: boolean): void
}
