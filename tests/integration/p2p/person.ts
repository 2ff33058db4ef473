import type { Connection } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import type { NetworkRow, RelayRow } from '../../../src/lib/db/schema.ts'
import type { NodeIdentity } from '../../../src/lib/crypto/api.ts'
import { createSecrets, openIdentity } from '../../../src/lib/crypto/identity.ts'
import type {
  Channel,
  NodeState,
  P2P,
  PeerPath,
  WebRtcBridge,
  WebRtcBridgeEvents,
} from '../../../src/lib/p2p/api.ts'
import type { PeerRecordStore } from '../../../src/lib/p2p/discovery/record-store.ts'
import { p2p } from '../../../src/lib/p2p/index.ts'
import { LogRing } from '../../../src/lib/p2p/log-ring.ts'
import type { Pages } from '../../../src/lib/p2p/pages.ts'
import { browserTransports, type TransportFactory } from '../../../src/lib/p2p/node.ts'
import type { RelayStore } from '../../../src/lib/p2p/relay-book/store.ts'
import type { NetworkStore } from '../../../src/lib/p2p/ways/store.ts'
import type { PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { type Clock, systemClock, systemRandom } from '../../../src/lib/protocol/seams.ts'

/** Whether WebRTC is there, as a test wants it. */
export class SwitchableBridge
  extends TypedEventEmitter<WebRtcBridgeEvents>
  implements WebRtcBridge
{
  #available: boolean

  constructor(available: boolean) {
    super()
    this.#available = available
  }

  get available(): boolean {
    return this.#available
  }

  set(available: boolean): void {
    this.#available = available
    this.safeDispatchEvent('changed')
  }
}

export class MemoryRelays implements RelayStore {
  readonly rows = new Map<string, RelayRow>()

  all(): Promise<RelayRow[]> {
    return Promise.resolve([...this.rows.values()])
  }

  put(row: RelayRow): Promise<void> {
    this.rows.set(row.address, row)
    return Promise.resolve()
  }

  delete(address: string): Promise<void> {
    this.rows.delete(address)
    return Promise.resolve()
  }
}

export class MemoryNetworks implements NetworkStore {
  readonly rows = new Map<string, NetworkRow>()

  all(): Promise<NetworkRow[]> {
    return Promise.resolve([...this.rows.values()])
  }

  put(row: NetworkRow): Promise<void> {
    this.rows.set(row.id, row)
    return Promise.resolve()
  }

  delete(id: string): Promise<void> {
    this.rows.delete(id)
    return Promise.resolve()
  }
}

export class MemoryRecords implements PeerRecordStore {
  readonly records = new Map<PeerIdString, Uint8Array>()

  get(peer: PeerIdString): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.records.get(peer))
  }

  put(peer: PeerIdString, record: Uint8Array): Promise<void> {
    this.records.set(peer, record)
    return Promise.resolve()
  }
}

export interface Person {
  identity: NodeIdentity
  peer: PeerIdString
  node: P2P
  bridge: SwitchableBridge
  log: LogRing
  /** Ends connections of this kind as a failing network does, and each that comes, until what it returns is called. */
  cut(path: 'direct' | 'relayed'): () => void
}

/** A node as a browser has it, in this process; not started. */
export async function person(init: {
  origin: string | null
  webrtc?: boolean
  networks?: NetworkStore
  clock?: Clock
  pages?: Pages
}): Promise<Person> {
  const identity = await openIdentity(createSecrets(systemRandom))
  const bridge = new SwitchableBridge(init.webrtc ?? false)
  const log = new LogRing(systemClock)
  let connections: () => Connection[] = () => []
  const spy = (make: TransportFactory): TransportFactory => {
    return (parts) => {
      connections = () => parts.connectionManager.getConnections()
      return make(parts)
    }
  }
  const node = p2p({
    origin: init.origin,
    transports: (...parts) => browserTransports(...parts).map(spy),
  })({
    identity,
    clock: init.clock ?? systemClock,
    random: systemRandom,
    loggers: log.loggers,
    relays: new MemoryRelays(),
    networks: init.networks ?? new MemoryNetworks(),
    records: new MemoryRecords(),
    bridge,
    pages: init.pages ?? null,
  })
  const end = (path: 'direct' | 'relayed'): void => {
    for (const { id } of node.network.links().filter((link) => link.path === path)) {
      if (node.network.links().some((link) => link.id === id && link.relay !== null)) continue
      connections()
        .find((connection) => connection.id === id)
        ?.abort(new Error('the test cut it'))
    }
  }
  const cut = (path: 'direct' | 'relayed'): (() => void) => {
    const again = (): void => {
      end(path)
    }
    node.network.addEventListener('changed', again)
    again()
    return () => {
      node.network.removeEventListener('changed', again)
    }
  }
  return { identity, peer: identity.peer, node, bridge, log, cut }
}

/** Resolves when the condition holds, looked at again on each of these events. */
export function until(
  target: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>,
  type: string,
  condition: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!condition()) return
      target.removeEventListener(type, look)
      resolve()
    }
    target.addEventListener(type, look)
    look()
  })
}

export function onState({ network }: P2P, state: NodeState): Promise<void> {
  return until(network, 'changed', () => network.state === state)
}

export function onPath({ peers }: P2P, peer: PeerIdString, path: PeerPath): Promise<void> {
  return until(peers, 'path', () => peers.path(peer) === path)
}

/** The channels somebody is handed with one peer. */
export class Inbox {
  readonly #all: Channel[] = []
  readonly #came = new EventTarget()

  /** Serves the protocol for this peer alone. */
  static async open(node: P2P, protocol: string, from: PeerIdString): Promise<Inbox> {
    const inbox = new Inbox()
    await node.channels.handle({
      protocol,
      maxFrameBytes: 256 * 1024,
      accept: (peer) => peer === from,
      onChannel: (channel) => {
        inbox.#all.push(channel)
        inbox.#came.dispatchEvent(new Event('came'))
        channel.closed.addEventListener('abort', () => inbox.#came.dispatchEvent(new Event('came')))
      },
    })
    return inbox
  }

  /** The channel that lives, once there is one like this. */
  async living(fits: (channel: Channel) => boolean = () => true): Promise<Channel> {
    const find = (): Channel | undefined => this.alive().find(fits)
    await until(this.#came, 'came', () => find() !== undefined)
    return find()!
  }

  alive(): Channel[] {
    return this.#all.filter(({ closed }) => !closed.aborted)
  }
}
