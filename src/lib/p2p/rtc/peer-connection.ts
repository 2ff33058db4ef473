import type {
  BridgeMethod,
  Candidate,
  ConnectionConfig,
  Description,
  FromBridge,
} from '../../protocol/rtc-messages.ts'
import { BridgedDataChannel, INIT_LABEL, type ChannelLine } from './data-channel.ts'
import { EventAttributes } from './event-attributes.ts'
import type { BridgeTab } from './bridge-tab.ts'

type State = Extract<FromBridge, { type: 'state' }>
type DescriptionInit = Pick<Description, 'type'> & Partial<Description>
type CandidateInit = Partial<Candidate>

/** As much of RTCSessionDescription as libp2p uses. */
export class BridgedSessionDescription implements Description {
  readonly type: Description['type']
  readonly sdp: string

  constructor({ type, sdp = '' }: DescriptionInit) {
    this.type = type
    this.sdp = sdp
  }

  toJSON(): Description {
    return { type: this.type, sdp: this.sdp }
  }
}

/** As much of RTCIceCandidate as libp2p uses. */
export class BridgedIceCandidate implements Candidate {
  readonly candidate: string
  readonly sdpMid: string | null
  readonly sdpMLineIndex: number | null
  readonly usernameFragment: string | null

  constructor(init: CandidateInit) {
    this.candidate = init.candidate ?? ''
    this.sdpMid = init.sdpMid ?? null
    this.sdpMLineIndex = init.sdpMLineIndex ?? null
    this.usernameFragment = init.usernameFragment ?? null
  }

  toJSON(): Candidate {
    const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = this
    return { candidate, sdpMid, sdpMLineIndex, usernameFragment }
  }
}

/** Of a connection that no tab holds: nothing is ever sent. */
const NO_LINE: ChannelLine = { send: () => undefined, close: () => undefined }

/**
 * The worker's half of an RTCPeerConnection (https://www.w3.org/TR/webrtc/#rtcpeerconnection-interface).
 *
 * Without a tab it is made all the same and its calls fail: libp2p tells the peer when a call fails, but when the
 * constructor throws it leaves the signalling stream open and the peer waiting.
 */
export class BridgedPeerConnection extends EventAttributes {
  connectionState: State['connection'] = 'new'
  iceConnectionState: State['ice'] = 'new'
  iceGatheringState: State['gathering'] = 'new'
  signalingState: State['signaling'] = 'stable'
  localDescription: BridgedSessionDescription | null = null
  remoteDescription: BridgedSessionDescription | null = null
  readonly #tab: BridgeTab | null
  readonly #number: number
  readonly #channels = new Map<number, BridgedDataChannel>()

  constructor(tab: BridgeTab | null, config: ConnectionConfig = {}) {
    super()
    this.#tab = tab
    this.#number = tab?.adopt(this, config) ?? 0
  }

  async createOffer(): Promise<BridgedSessionDescription> {
    return new BridgedSessionDescription(await this.#describe({ method: 'createOffer' }))
  }

  async createAnswer(): Promise<BridgedSessionDescription> {
    return new BridgedSessionDescription(await this.#describe({ method: 'createAnswer' }))
  }

  async setLocalDescription(init: DescriptionInit): Promise<void> {
    const description = new BridgedSessionDescription(init)
    await this.#call({ method: 'setLocalDescription', argument: description.toJSON() })
    this.localDescription = description
  }

  async setRemoteDescription(init: DescriptionInit): Promise<void> {
    const description = new BridgedSessionDescription(init)
    await this.#call({ method: 'setRemoteDescription', argument: description.toJSON() })
    this.remoteDescription = description
  }

  async addIceCandidate(init: CandidateInit): Promise<void> {
    const argument = new BridgedIceCandidate(init).toJSON()
    await this.#call({ method: 'addIceCandidate', argument })
  }

  /** @throws DOMException (InvalidStateError) when the connection is closed. */
  createDataChannel(label: string): BridgedDataChannel {
    if (this.connectionState === 'closed') throw closedError()
    const channel =
      this.#tab?.openChannel(this.#number, label) ??
      new BridgedDataChannel(NO_LINE, { number: 0, label, id: null, readyState: 'connecting' })
    this.#channels.set(channel.number, channel)
    return channel
  }

  close(): void {
    if (this.connectionState === 'closed') return
    this.#tab?.release(this.#number)
    this.#end()
  }

  /** The tab's half changed its state. */
  changed({ connection, ice, gathering, signaling }: State): void {
    if (this.connectionState === 'closed') return
    const was = this.connectionState
    const steady = this.iceConnectionState !== 'disconnected' && was !== 'disconnected'
    this.iceConnectionState = ice
    this.iceGatheringState = gathering
    this.signalingState = signaling
    if (connection === 'closed') {
      this.lost()
      return
    }
    this.connectionState = connection
    // Browsers say so after some 5 s without an answer to their checks, and that it failed only after 15 to 30 s.
    if (steady && (ice === 'disconnected' || connection === 'disconnected')) this.#tab?.unsteady()
    if (was === connection) return
    if (connection === 'connected') this.#openInit()
    if (connection === 'failed') this.#endChannels()
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  /** A channel the other side opened. */
  incoming(channel: BridgedDataChannel): void {
    this.#channels.set(channel.number, channel)
    this.dispatchEvent(new DataChannelEvent(channel))
  }

  /** The tab's half found a way it could be reached; null when it has found all. */
  found(candidate: Candidate | null): void {
    this.dispatchEvent(
      new CandidateEvent(candidate === null ? null : new BridgedIceCandidate(candidate)),
    )
  }

  /** A channel closed. */
  channelEnded(channel: BridgedDataChannel): void {
    this.#channels.delete(channel.number)
    channel.ended()
  }

  /** The other side, or the tab that held the connection, is gone. */
  lost(): void {
    if (this.connectionState === 'closed') return
    this.#tab?.release(this.#number)
    this.#end()
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  get onicecandidate() {
    return this.handler<CandidateEvent>('icecandidate')
  }
  set onicecandidate(handler) {
    this.setHandler('icecandidate', handler)
  }
  get onicecandidateerror() {
    return this.handler('icecandidateerror')
  }
  set onicecandidateerror(handler) {
    this.setHandler('icecandidateerror', handler)
  }
  get onconnectionstatechange() {
    return this.handler('connectionstatechange')
  }
  set onconnectionstatechange(handler) {
    this.setHandler('connectionstatechange', handler)
  }
  get ondatachannel() {
    return this.handler<DataChannelEvent>('datachannel')
  }
  set ondatachannel(handler) {
    this.setHandler('datachannel', handler)
  }

  #end(): void {
    this.connectionState = 'closed'
    this.signalingState = 'closed'
    this.#endChannels()
    // Browsers have no such event (node-datachannel has). On it alone @libp2p/webrtc (6.0) lets go of a connection,
    // which it otherwise holds, with all its streams, until the node stops.
    this.dispatchEvent(new Event('close'))
  }

  #endChannels(): void {
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    for (const channel of channels) channel.ended()
  }

  /** A peer may close the `init` channel on sight, even before it opens here: connected is what it stands for. */
  #openInit(): void {
    for (const channel of this.#channels.values()) {
      if (channel.label === INIT_LABEL) channel.opened(channel.id)
    }
  }

  async #describe(request: BridgeMethod): Promise<Description> {
    const description = await this.#call(request)
    if (description === null) throw new DOMException('no description', 'OperationError')
    return description
  }

  async #call(request: BridgeMethod): Promise<Description | null> {
    if (this.connectionState === 'closed') throw closedError()
    if (this.#tab === null) throw new DOMException('no tab has WebRTC', 'InvalidStateError')
    return await this.#tab.call(this.#number, request)
  }
}

class DataChannelEvent extends Event {
  readonly channel: BridgedDataChannel

  constructor(channel: BridgedDataChannel) {
    super('datachannel')
    this.channel = channel
  }
}

class CandidateEvent extends Event {
  readonly candidate: BridgedIceCandidate | null

  constructor(candidate: BridgedIceCandidate | null) {
    super('icecandidate')
    this.candidate = candidate
  }
}

function closedError(): DOMException {
  return new DOMException('the connection is closed', 'InvalidStateError')
}
