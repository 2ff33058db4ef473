/**
 * The other relays this one knows: those of its settings and those found on the LAN. Each is dialled and pinged
 * every `RELAY_CHECK_MS`, for as long as the relay runs; being connected makes them one DHT. Those that work are named
 * to browsers in a signed list (src/lib/protocol/relay-list.ts).
 */
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { PeerInfo } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { isPeerId, type PeerIdString } from '#lib/protocol/ids.ts'
import {
  type ListedRelay,
  MAX_LISTED_ADDRESSES,
  MAX_LISTED_RELAYS,
  RELAY_LIST_LIFE_MS,
  sealRelayList,
} from '#lib/protocol/relay-list.ts'
import { addressSchema } from '#lib/protocol/schemas.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import * as v from 'valibot'
import { operatorOf } from './user-agent.ts'
import {
  MAX_KNOWN_RELAYS,
  RELAY_CHECK_MS,
  RELAY_CHECK_TIMEOUT_MS,
  RELAY_FRESH_MS,
} from './limits.ts'
import type { RelayNode } from './node.ts'

export interface RelayMeshComponents {
  node: RelayNode
  self: PeerIdString
  signer: Signer
  clock: Clock
  log: Logger
}

/** A relay that answered: dialled, pinged, and offering circuit relay. */
interface Working {
  addresses: string[]
  operator: string | null
  seenAtMs: number
}

export class RelayMesh {
  readonly #components: RelayMeshComponents
  /** Multiaddrs to dial; with a peer id at the end once it is known. */
  readonly #targets: Set<string>
  readonly #working = new Map<PeerIdString, Working>()
  readonly #stopping = new AbortController()
  #cancelNext: (() => void) | null = null
  #checking: Promise<void> = Promise.resolve()

  constructor(components: RelayMeshComponents, init: { relays: readonly string[] }) {
    this.#components = components
    this.#targets = new Set(init.relays)
  }

  start(): void {
    this.#components.node.addEventListener('peer:discovery', this.#onDiscovery)
    this.#check()
  }

  async stop(): Promise<void> {
    this.#components.node.removeEventListener('peer:discovery', this.#onDiscovery)
    this.#stopping.abort()
    this.#cancelNext?.()
    await this.#checking
    this.#cancelNext?.()
  }

  /** Relays seen working since the start. */
  get size(): number {
    return this.#working.size
  }

  /** Whether this peer is a relay that was seen working. */
  knows(peer: string): boolean {
    return isPeerId(peer) && this.#working.has(peer)
  }

  /** The relays seen working of late, signed. */
  async list(): Promise<Uint8Array> {
    const nowMs = this.#components.clock.now()
    const relays = [...this.#working]
      .filter(([, { seenAtMs }]) => nowMs - seenAtMs <= RELAY_FRESH_MS)
      .slice(0, MAX_LISTED_RELAYS)
      .map(([peer, { addresses, operator, seenAtMs }]): ListedRelay => {
        const named = operator === null ? {} : { operator }
        return { peer, addresses, ...named, lastSeenWorkingAtMs: seenAtMs }
      })
    return await sealRelayList(
      {
        issuer: this.#components.self,
        issuedAtMs: nowMs,
        expiresAtMs: nowMs + RELAY_LIST_LIFE_MS,
        relays,
      },
      this.#components.signer,
    )
  }

  readonly #onDiscovery = ({ detail }: CustomEvent<PeerInfo>): void => {
    // What mDNS of the relays' own service tag found; the DHT tells of peers in the same event.
    for (const address of detail.multiaddrs) {
      if (this.#targets.size >= MAX_KNOWN_RELAYS) return
      const text = address.toString()
      if (text.includes('/ws')) this.#targets.add(withPeer(text, detail.id.toString()))
    }
  }

  #check(): void {
    this.#checking = Promise.all([...this.#targets].map((target) => this.#visit(target))).then(
      () => {
        if (this.#stopping.signal.aborted) return
        this.#cancelNext = this.#components.clock.after(RELAY_CHECK_MS, () => {
          this.#check()
        })
      },
    )
  }

  async #visit(target: string): Promise<void> {
    const { node, log } = this.#components
    const signal = AbortSignal.any([
      this.#stopping.signal,
      AbortSignal.timeout(RELAY_CHECK_TIMEOUT_MS),
    ])
    try {
      const connection = await node.dial(multiaddr(target), { signal })
      const peer = connection.remotePeer
      await node.services.ping.ping(peer, { signal })
      const { protocols, addresses, metadata } = await node.peerStore.get(peer, { signal })
      const id = peer.toString()
      if (!protocols.includes(RELAY_V2_HOP_CODEC) || !isPeerId(id)) return
      this.#working.set(id, {
        addresses: addresses
          .map(({ multiaddr: address }) => withPeer(address.toString(), id))
          .filter((address) => v.is(addressSchema, address))
          .slice(0, MAX_LISTED_ADDRESSES),
        operator: operatorOf(metadata.get('AgentVersion')),
        seenAtMs: this.#components.clock.now(),
      })
    } catch (error) {
      log.debug(`the relay at ${target} does not answer: ${String(error)}`)
    }
  }
}

function withPeer(address: string, peer: string): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
}
