import type { NodeApi } from '../lib/client/contract.ts'
import type { NodeIdentity } from '../lib/crypto/api.ts'
import { StarlingDatabase } from '../lib/db/schema.ts'
import { contacts } from '../lib/features/contacts/index.ts'
import { network } from '../lib/features/network/index.ts'
import { profile } from '../lib/features/profile/index.ts'
import type { LogRing } from '../lib/p2p/log-ring.ts'
import { DexiePeerRecordStore } from '../lib/p2p/discovery/record-store.ts'
import { DexieRelayStore } from '../lib/p2p/relay-book/store.ts'
import type { RtcBridge } from '../lib/p2p/rtc/rtc-bridge.ts'
import type { Clock, Random, Startable } from '../lib/protocol/seams.ts'
import type { Promised } from '../lib/rpc/server.ts'

export interface StarlingComponents {
  clock: Clock
  random: Random
  logs: LogRing
  bridge: RtcBridge
}

export interface StarlingInit {
  /** Of the page; its server is the first relay. */
  origin: string
  /** When this host may open the database. */
  begin: Promise<unknown>
  /** Everything was deleted. */
  onErased(): void
}

/** All components of a host. */
export interface Starling {
  readonly api: Promised<NodeApi>
  /** Rejected when something could not start. */
  readonly started: Promise<void>
  stop(): Promise<void>
}

/**
 * Builds every component, each from those above it, and starts them in that order. What needs no identity can be
 * asked as soon as the database may be opened; the rest comes once there is one, on a first visit when the person
 * gave their name. libp2p is loaded meanwhile and started last, so that what is kept shows before any network.
 */
export function composeStarling(components: StarlingComponents, init: StarlingInit): Starling {
  const { clock, random, logs, bridge } = components
  const { loggers } = logs
  const created = Promise.withResolvers<NodeIdentity>()
  const life: Startable[] = []

  const kept = init.begin.then(() => {
    const db = new StarlingDatabase()
    life.push({
      start: () => undefined,
      stop: () => {
        db.close()
      },
    })
    const me = profile({
      onCreated: (identity) => {
        created.resolve(identity)
      },
    })({ db, clock, random })
    return { db, profile: me }
  })

  const online = kept.then(async ({ db, profile }) => {
    const identity = (await profile.identity()) ?? (await created.promise)
    // Before the transports are loaded: @libp2p/webrtc looks for WebRTC at its import.
    bridge.install(globalThis)
    const { p2p } = await import('../lib/p2p/index.ts')
    const relays = new DexieRelayStore(db)
    const records = new DexiePeerRecordStore(db)
    const node = p2p({ origin: init.origin })({
      identity,
      clock,
      random,
      loggers,
      bridge,
      relays,
      records,
    })
    life.push(node)
    const names = (): null => null
    const people = contacts()({
      identity,
      channels: node.channels,
      peers: node.peers,
      network: node.network,
      profile,
      db,
      clock,
      loggers,
      history: { deleteHistory: async () => undefined },
    })
    life.push(people)
    return {
      node,
      contacts: people,
      network: network()({ network: node.network, log: logs, names, clock }),
    }
  })

  const started = online.then(async ({ node, contacts }) => {
    await contacts.start()
    await node.start()
  })

  return {
    api: {
      profile: kept.then((each) => each.profile),
      contacts: online.then((each) => each.contacts),
      network: online.then((each) => each.network),
    } as unknown as Promised<NodeApi>,
    started,
    async stop() {
      for (const each of life.splice(0).reverse()) await each.stop()
    },
  }
}
