import type { Clock, Logger, Random, Startable } from '#lib/protocol/seams.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import type { ChannelInit, Channels } from '#lib/p2p/api.ts'
import { LinkChannels } from '#lib/p2p/channels/channels.ts'
import { Links } from '#lib/p2p/keeper/links.ts'
import { MAX_COPY_CHANNELS } from '../limits.ts'
import type { RelayNode } from '../node.ts'

export interface RelayChannelsComponents {
  libp2p: RelayNode
  self: PeerIdString
  clock: Clock
  random: Random
  log: Logger
}

/** Channels with those who are connected to this relay, as browsers have them with each other; but so many alone. */
export class RelayChannels implements Channels, Startable {
  readonly #libp2p: RelayNode
  readonly #links: Links
  readonly #channels: LinkChannels
  readonly #open = new Set<PeerIdString>()

  constructor({ libp2p, ...components }: RelayChannelsComponents) {
    this.#libp2p = libp2p
    this.#links = new Links(components)
    this.#channels = new LinkChannels({
      ...components,
      links: this.#links,
      // Sockets are pinged by themselves.
      doubt: () => undefined,
      // Nobody connects directly with a relay in another way.
      openLane: () => Promise.resolve(null),
    })
  }

  async start(): Promise<void> {
    this.#links.attach(this.#libp2p)
    await this.#channels.attach({ libp2p: this.#libp2p })
  }

  async stop(): Promise<void> {
    await this.#channels.detach()
    this.#links.detach()
  }

  handle(init: ChannelInit): Promise<() => Promise<void>> {
    return this.#channels.handle({
      ...init,
      takes: (peer) => this.#hasRoom(peer) && init.takes?.(peer) === true,
      onChannel: (channel) => {
        const { peer, closed } = channel
        this.#open.add(peer)
        closed.addEventListener('abort', () => this.#open.delete(peer))
        init.onChannel(channel)
      },
    })
  }

  offer(protocol: string, peer: PeerIdString): void {
    this.#channels.offer(protocol, peer)
  }

  #hasRoom(peer: PeerIdString): boolean {
    return this.#open.has(peer) || this.#open.size < MAX_COPY_CHANNELS
  }
}
