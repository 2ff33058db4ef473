import { check } from '../../protocol/check.ts'
import {
  fromBridgeSchema,
  MAX_CHANNELS,
  type BridgeMethod,
  type ConnectionConfig,
  type Description,
  type ToBridge,
} from '../../protocol/rtc-messages.ts'
import { BridgedDataChannel, type ChannelLine } from './data-channel.ts'
import type { BridgedPeerConnection } from './peer-connection.ts'

type Post = (message: ToBridge, transfer?: Transferable[]) => void

interface PendingCall {
  pc: number
  resolve(value: Description | null): void
  reject(error: DOMException): void
}

/** One tab that holds real connections, seen from the worker. */
export class BridgeTab implements ChannelLine {
  readonly #post: Post
  /** One of the connections lost its way to the peer. */
  readonly unsteady: () => void
  readonly #connections = new Map<number, BridgedPeerConnection>()
  readonly #channels = new Map<number, { pc: number; channel: BridgedDataChannel }>()
  readonly #calls = new Map<number, PendingCall>()
  #lastNumber = 0

  constructor(post: Post, unsteady: () => void) {
    this.#post = post
    this.unsteady = unsteady
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Takes one message of the tab's. @throws InvalidDataError when it is not one of the protocol's. */
  receive(message: unknown): void {
    const said = check(fromBridgeSchema, message)
    switch (said.type) {
      case 'answer':
        this.#take(said.call)?.resolve(said.value)
        return
      case 'refusal':
        this.#take(said.call)?.reject(new DOMException(said.message, said.name))
        return
      case 'state':
        this.#connections.get(said.pc)?.changed(said)
        return
      case 'candidate':
        this.#connections.get(said.pc)?.found(said.candidate)
        return
      case 'lost':
        this.#connections.get(said.pc)?.lost()
        return
      case 'incoming':
        this.#incoming(said)
        return
      case 'open':
        this.#channels.get(said.channel)?.channel.opened(said.id)
        return
      case 'data':
        this.#channels.get(said.channel)?.channel.received(said.chunks)
        return
      case 'sent':
        this.#channels.get(said.channel)?.channel.left(said.bytes)
        return
      case 'closed':
        this.#closed(said.channel)
    }
  }

  /** The tab is gone, and every connection with it. */
  end(): void {
    for (const connection of [...this.#connections.values()]) connection.lost()
  }

  /** Makes the tab's half of a new connection and gives its number. */
  adopt(connection: BridgedPeerConnection, config: ConnectionConfig): number {
    const pc = this.#next()
    this.#connections.set(pc, connection)
    const { iceServers, iceTransportPolicy } = config
    this.#post({
      type: 'create',
      pc,
      config: {
        ...(iceServers === undefined ? {} : { iceServers }),
        ...(iceTransportPolicy === undefined ? {} : { iceTransportPolicy }),
      },
    })
    return pc
  }

  call(pc: number, request: BridgeMethod): Promise<Description | null> {
    const call = this.#next()
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { pc, resolve, reject })
      this.#post({ type: 'call', pc, call, request })
    })
  }

  openChannel(pc: number, label: string): BridgedDataChannel {
    // Ours are odd, theirs even, so both ends can name a channel without asking.
    const number = this.#next() * 2 + 1
    const channel = new BridgedDataChannel(this, {
      number,
      label,
      id: null,
      readyState: 'connecting',
    })
    this.#channels.set(number, { pc, channel })
    this.#post({ type: 'channel', pc, channel: number, label })
    return channel
  }

  /** Closes the tab's half and forgets the connection. */
  release(pc: number): void {
    if (!this.#connections.delete(pc)) return
    this.#post({ type: 'close', pc })
    for (const [number, entry] of this.#channels) {
      if (entry.pc === pc) this.#channels.delete(number)
    }
    for (const [call, pending] of this.#calls) {
      if (pending.pc !== pc) continue
      this.#calls.delete(call)
      pending.reject(new DOMException('the connection is closed', 'AbortError'))
    }
  }

  send(channel: number, chunks: ArrayBuffer[]): void {
    this.#post({ type: 'data', channel, chunks }, chunks)
  }

  close(channel: number): void {
    this.#post({ type: 'closeChannel', channel })
  }

  #incoming(said: { pc: number; channel: number; label: string; id: number | null }): void {
    const connection = this.#connections.get(said.pc)
    if (connection === undefined) return
    let open = 0
    for (const entry of this.#channels.values()) if (entry.pc === said.pc) open++
    if (open >= MAX_CHANNELS) {
      this.close(said.channel)
      return
    }
    const channel = new BridgedDataChannel(this, {
      number: said.channel,
      label: said.label,
      id: said.id,
      readyState: 'open',
    })
    this.#channels.set(said.channel, { pc: said.pc, channel })
    connection.incoming(channel)
  }

  #closed(number: number): void {
    const entry = this.#channels.get(number)
    if (entry === undefined) return
    this.#channels.delete(number)
    this.#connections.get(entry.pc)?.channelEnded(entry.channel)
  }

  #take(call: number): PendingCall | undefined {
    const pending = this.#calls.get(call)
    this.#calls.delete(call)
    return pending
  }

  #next(): number {
    return ++this.#lastNumber
  }
}
