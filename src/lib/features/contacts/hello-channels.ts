import type { Channel, Channels } from '../../p2p/api.ts'
import { LimitExceededError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import { Pace } from './pace.ts'
import {
  CONTACTS_PROTOCOL,
  helloCodec,
  MAX_CONTACTS_FRAME_BYTES,
  MAX_HELLOS_PER_MINUTE,
  type Hello,
} from './protocol.ts'

export interface HelloChannelsComponents {
  channels: Channels
  clock: Clock
  logger: Logger
}

export interface HelloChannelsInit {
  /** Whether a channel with this peer is wanted. */
  accept(peer: PeerIdString): boolean
  /** What is said to this peer; null for nothing. */
  hello(peer: PeerIdString): Hello | null
  /** They said this. @throws StarlingError when it is not acceptable: the channel then ends */
  hear(peer: PeerIdString, hello: Hello): Promise<void>
}

/** Says and hears hello on the channels of `/starling/contacts/1.0.0`, one a peer. */
export class HelloChannels {
  readonly #components: HelloChannelsComponents
  readonly #init: HelloChannelsInit
  readonly #channels = new Map<PeerIdString, Channel>()
  #unhandle: (() => Promise<void>) | null = null

  constructor(components: HelloChannelsComponents, init: HelloChannelsInit) {
    this.#components = components
    this.#init = init
  }

  async start(): Promise<void> {
    this.#unhandle = await this.#components.channels.handle({
      protocol: CONTACTS_PROTOCOL,
      maxFrameBytes: MAX_CONTACTS_FRAME_BYTES,
      accept: (peer) => this.#init.accept(peer),
      onChannel: (channel) => {
        void this.#serve(channel)
      },
    })
  }

  async stop(): Promise<void> {
    await this.#unhandle?.()
    this.#unhandle = null
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
  }

  close(peer: PeerIdString): void {
    this.#channels.get(peer)?.close()
  }

  /** Says hello where there is a channel and something to say. */
  async say(peer: PeerIdString): Promise<void> {
    const channel = this.#channels.get(peer)
    const hello = channel === undefined ? null : this.#init.hello(peer)
    if (channel === undefined || hello === null) return
    try {
      await channel.send(helloCodec.encode(hello))
    } catch (error) {
      // The next channel begins with a hello.
      this.#components.logger.debug(`hello to ${peer} not sent: ${String(error)}`)
    }
  }

  async sayToAll(): Promise<void> {
    await Promise.all([...this.#channels.keys()].map((peer) => this.say(peer)))
  }

  async #serve(channel: Channel): Promise<void> {
    const { clock, logger } = this.#components
    const { peer } = channel
    const pace = new Pace(clock, MAX_HELLOS_PER_MINUTE)
    this.#channels.set(peer, channel)
    try {
      await this.say(peer)
      for await (const frame of channel.frames()) {
        if (!pace.take()) throw new LimitExceededError('hello too often')
        await this.#init.hear(peer, helloCodec.decode(frame))
      }
    } catch (error) {
      logger.warn(`channel with ${peer} ended: ${String(error)}`)
      channel.close(error instanceof Error ? error : undefined)
    } finally {
      if (this.#channels.get(peer) === channel) this.#channels.delete(peer)
    }
  }
}
