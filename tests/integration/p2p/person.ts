import { TypedEventEmitter } from 'main-event'
import type { RelayRow } from '../../../src/lib/db/schema.ts'
import { createSecrets, openIdentity } from '../../../src/lib/crypto/identity.ts'
import type { P2P, Peers, WebRtcBridge, WebRtcBridgeEvents } from '../../../src/lib/p2p/api.ts'
import type { PeerRecordStore } from '../../../src/lib/p2p/discovery/record-store.ts'
import { p2p } from '../../../src/lib/p2p/index.ts'
import { LogRing } from '../../../src/lib/p2p/log-ring.ts'
import type { RelayStore } from '../../../src/lib/p2p/relay-book/store.ts'
import type { PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { systemClock, systemRandom } from '../../../src/lib/protocol/seams.ts'

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
  peer: PeerIdString
  node: P2P
  bridge: SwitchableBridge
  log: LogRing
}

/** A node as a browser has it, in this process; not started. */
export async function person(init: { origin: string | null; webrtc?: boolean }): Promise<Person> {
  const identity = await openIdentity(createSecrets(systemRandom))
  const bridge = new SwitchableBridge(init.webrtc ?? false)
  const log = new LogRing(systemClock)
  const node = p2p({ origin: init.origin })({
    identity,
    clock: systemClock,
    random: systemRandom,
    loggers: log.loggers,
    relays: new MemoryRelays(),
    records: new MemoryRecords(),
    bridge,
  })
  return { peer: identity.peer, node, bridge, log }
}

/** Resolves when the condition holds, looked at again on each of these events. */
export function until(target: EventTarget, type: string, condition: () => boolean): Promise<void> {
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

export function reserved(node: P2P): Promise<void> {
  return until(asTarget(node.network), 'changed', () => node.network.state === 'online')
}

export function onPath(peers: Peers, peer: PeerIdString, path: string): Promise<void> {
  return until(asTarget(peers), 'path', () => peers.path(peer) === path)
}

function asTarget(target: unknown): EventTarget {
  if (!(target instanceof EventTarget)) throw new TypeError('not an event target')
  return target
}
