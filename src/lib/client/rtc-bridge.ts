import { check } from '../protocol/check.ts'
import {
  toBridgeSchema,
  type BridgeMethod,
  type Description,
  type FromBridge,
  type ToBridge,
} from '../protocol/rtc-messages.ts'
import type { TabBridge } from './node-connection.ts'

type Post = (message: FromBridge, transfer?: Transferable[]) => void

/** Below this many buffered bytes the worker is told, so that it sends on before the wire is idle. */
const LOW_WATER_BYTES = 256 * 1024

/** Fewer bytes than these are told to have left with later ones: a word of their own would cost as much as they do. */
const MIN_TOLD_BYTES = 64 * 1024

/** The label of the channel libp2p opens only to have something to negotiate. */
const INIT_LABEL = 'init'

/** This tab's half of the WebRTC bridge: holds the real connections for the node in the worker. */
export function rtcBridge(): TabBridge {
  return {
    webrtc: typeof RTCPeerConnection === 'function',
    serve(post, gone) {
      const connections = new Connections(post)
      gone.addEventListener('abort', () => {
        connections.closeAll()
      })
      return (message) => {
        connections.obey(check(toBridgeSchema, message))
      }
    },
  }
}

class Connections {
  readonly #post: Post
  readonly #connections = new Map<number, RealConnection>()
  readonly #channels = new Map<number, RealChannel>()
  #lastIncoming = 0

  constructor(post: Post) {
    this.#post = post
  }

  obey(order: ToBridge): void {
    switch (order.type) {
      case 'create':
        this.#create(order.pc, order.config as RTCConfiguration)
        return
      case 'call':
        this.#call(order.pc, order.call, order.request)
        return
      case 'channel': {
        const connection = this.#connections.get(order.pc)
        if (connection === undefined) this.#post({ type: 'closed', channel: order.channel })
        else this.#adopt(order.channel, connection.createChannel(order.label))
        return
      }
      case 'data':
        this.#channels.get(order.channel)?.send(order.chunks)
        return
      case 'closeChannel':
        this.#channels.get(order.channel)?.close()
        return
      case 'close':
        this.#connections.get(order.pc)?.close()
        this.#connections.delete(order.pc)
    }
  }

  closeAll(): void {
    for (const connection of this.#connections.values()) connection.close()
    this.#connections.clear()
    this.#channels.clear()
  }

  #create(pc: number, config: RTCConfiguration): void {
    this.#connections.set(
      pc,
      new RealConnection(pc, config, this.#post, (channel) => {
        this.#lastIncoming += 2
        const number = this.#lastIncoming
        this.#adopt(number, channel)
        this.#post({
          type: 'incoming',
          pc,
          channel: number,
          label: channel.label,
          id: channel.id,
        })
      }),
    )
  }

  #adopt(number: number, channel: RTCDataChannel): void {
    this.#channels.set(
      number,
      new RealChannel(number, channel, this.#post, () => this.#channels.delete(number)),
    )
  }

  #call(pc: number, call: number, request: BridgeMethod): void {
    const connection = this.#connections.get(pc)
    const answer =
      connection === undefined
        ? Promise.reject(new DOMException('the connection is closed', 'InvalidStateError'))
        : connection.call(request)
    answer.then(
      (value) => {
        this.#post({ type: 'answer', call, value })
      },
      (error: unknown) => {
        const { name, message } = error instanceof Error ? error : new Error(String(error))
        this.#post({ type: 'refusal', call, name, message })
      },
    )
  }
}

/** One RTCPeerConnection and what the worker is told of it. */
class RealConnection {
  readonly #pc: RTCPeerConnection
  /** Open incoming `init` channels: never shown, and held so that they are not collected, which would close them. */
  readonly #hidden = new Set<RTCDataChannel>()

  constructor(
    number: number,
    config: RTCConfiguration,
    post: Post,
    onChannel: (channel: RTCDataChannel) => void,
  ) {
    const pc = new RTCPeerConnection(config)
    this.#pc = pc
    const tellState = (): void => {
      post({
        type: 'state',
        pc: number,
        connection: pc.connectionState,
        ice: pc.iceConnectionState,
        gathering: pc.iceGatheringState,
        signaling: pc.signalingState,
      })
    }
    pc.onconnectionstatechange = () => {
      // A peer that closes leaves `connectionState` alone for some 15 s; its SCTP association ends at once.
      if (pc.sctp !== null) {
        const { sctp } = pc
        sctp.onstatechange = () => {
          if (sctp.state === 'closed') post({ type: 'lost', pc: number })
        }
        if (sctp.state === 'closed') post({ type: 'lost', pc: number })
      }
      tellState()
    }
    pc.oniceconnectionstatechange = tellState
    pc.onicegatheringstatechange = tellState
    pc.onsignalingstatechange = tellState
    pc.onicecandidate = ({ candidate }) => {
      post({ type: 'candidate', pc: number, candidate: candidate && plainCandidate(candidate) })
    }
    pc.ondatachannel = ({ channel }) => {
      channel.binaryType = 'arraybuffer'
      if (channel.label === INIT_LABEL) this.#hide(channel)
      else if (channel.readyState === 'open') onChannel(channel)
      else
        channel.onopen = () => {
          onChannel(channel)
        }
    }
  }

  createChannel(label: string): RTCDataChannel {
    const channel = this.#pc.createDataChannel(label)
    channel.binaryType = 'arraybuffer'
    return channel
  }

  async call(request: BridgeMethod): Promise<Description | null> {
    switch (request.method) {
      case 'createOffer':
        return plainDescription(await this.#pc.createOffer())
      case 'createAnswer':
        return plainDescription(await this.#pc.createAnswer())
      case 'setLocalDescription':
        await this.#pc.setLocalDescription(request.argument)
        return null
      case 'setRemoteDescription':
        await this.#pc.setRemoteDescription(request.argument)
        return null
      case 'addIceCandidate':
        await this.#pc.addIceCandidate(request.argument)
        return null
    }
  }

  #hide(channel: RTCDataChannel): void {
    this.#hidden.add(channel)
    // A peer may open and close such channels for as long as it likes.
    channel.onclose = () => {
      this.#hidden.delete(channel)
    }
  }

  close(): void {
    // Nothing more is told of a connection the worker has let go.
    this.#pc.onconnectionstatechange = null
    this.#pc.oniceconnectionstatechange = null
    this.#pc.onicegatheringstatechange = null
    this.#pc.onsignalingstatechange = null
    this.#pc.onicecandidate = null
    this.#pc.ondatachannel = null
    if (this.#pc.sctp !== null) this.#pc.sctp.onstatechange = null
    this.#hidden.clear()
    this.#pc.close()
  }
}

/** One RTCDataChannel and what the worker is told of it. */
class RealChannel {
  readonly #channel: RTCDataChannel
  readonly #tellSent: (minBytes: number) => void
  #accepted = 0

  constructor(number: number, channel: RTCDataChannel, post: Post, onClosed: () => void) {
    this.#channel = channel
    let told = 0
    this.#tellSent = (minBytes) => {
      const bytes = this.#accepted - channel.bufferedAmount
      if (bytes - told < minBytes) return
      told = bytes
      post({ type: 'sent', channel: number, bytes })
    }
    channel.onopen = () => {
      post({ type: 'open', channel: number, id: channel.id })
    }
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer)
        post({ type: 'data', channel: number, chunks: [data] }, [data])
    }
    channel.onbufferedamountlow = () => {
      this.#tellSent(channel.bufferedAmountLowThreshold > 0 ? 1 : MIN_TOLD_BYTES)
      // Once more when it is empty, so that the worker's count ends near nothing.
      channel.bufferedAmountLowThreshold = 0
    }
    channel.onclose = () => {
      onClosed()
      post({ type: 'closed', channel: number })
    }
  }

  send(chunks: ArrayBuffer[]): void {
    for (const chunk of chunks) {
      // A channel the other side has just closed: its `closed` is on the way.
      if (this.#channel.readyState !== 'open') return
      this.#channel.send(chunk)
      this.#accepted += chunk.byteLength
    }
    const buffered = this.#channel.bufferedAmount
    this.#channel.bufferedAmountLowThreshold = buffered > LOW_WATER_BYTES ? LOW_WATER_BYTES : 0
    if (buffered === 0) this.#tellSent(MIN_TOLD_BYTES)
  }

  close(): void {
    this.#channel.close()
  }
}

function plainDescription({ type, sdp = '' }: RTCSessionDescriptionInit): Description {
  return { type, sdp }
}

function plainCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }: RTCIceCandidate) {
  return { candidate, sdpMid, sdpMLineIndex, usernameFragment }
}
