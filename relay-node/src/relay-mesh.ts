/**
 * The other relays this one knows: those of its settings, those found on the LAN, and those that came by themselves.
 * Each is dialled and pinged every `RELAY_CHECK_MS`; being connected makes them one DHT. Settings are tried for as
 * long as the relay runs, the others until they fail. A relay that answered and said in identify that it offers circuit
 * relay is named to browsers in a signed list (src/lib/protocol/relay-list.ts). Anyone can say that, so only those that
 * the operator chose, by settings or by network, have the share of a relay in the DHT.
 */
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { IdentifyResult, PeerId, PeerInfo } from '@libp2p/interface'
import { isLoopback, isPrivate } from '@libp2p/utils'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
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
import { DHT_PROTOCOL } from './dht/index.ts'
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

/** What a relay says of itself in identify. */
interface Described {
  /** Multiaddrs with its peer id. */
  addresses: string[]
  operator: string | null
}

export class RelayMesh {
  readonly #components: RelayMeshComponents
  readonly #settings: readonly string[]
  /** Multiaddrs of relays that announced themselves by mDNS, by their peer ids. */
  readonly #onLan = new Map<string, string[]>()
  /** The same of those that came by themselves. */
  readonly #cameBy = new Map<string, string[]>()
  /** Who answered last, by an address of the settings or the peer id of a relay on the LAN. */
  readonly #chosen = new Map<string, string>()
  readonly #described = new Map<string, Described>()
  /** When a relay last answered a dial and a ping of ours. */
  readonly #answeredAtMs = new Map<string, number>()
  readonly #stopping = new AbortController()
  #cancelNext: (() => void) | null = null
  #checking: Promise<void> = Promise.resolve()

  constructor(components: RelayMeshComponents, init: { relays: readonly string[] }) {
    this.#components = components
    this.#settings = init.relays
  }

  start(): void {
    const { node } = this.#components
    node.addEventListener('peer:identify', this.#onIdentify)
    node.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#check()
  }

  async stop(): Promise<void> {
    const { node } = this.#components
    node.removeEventListener('peer:identify', this.#onIdentify)
    node.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#stopping.abort()
    this.#cancelNext?.()
    await this.#checking
    this.#cancelNext?.()
  }

  /** Relays that work. */
  get size(): number {
    return this.working().length
  }

  /** Whether this peer answered as a relay that the settings name or the LAN has. */
  trusts(peer: string): boolean {
    return this.#chosen.values().some((chosen) => chosen === peer)
  }

  /** Takes note of a relay that announced itself on the LAN. */
  foundOnLan({ id, multiaddrs }: PeerInfo): void {
    remember(
      this.#onLan,
      id,
      multiaddrs.map((address) => withPeer(address, id)),
    )
  }

  /** The relays seen working of late, signed. */
  async list(): Promise<Uint8Array> {
    const { clock, self, signer } = this.#components
    const issuedAtMs = clock.now()
    const expiresAtMs = issuedAtMs + RELAY_LIST_LIFE_MS
    const relays = this.working().slice(0, MAX_LISTED_RELAYS)
    return await sealRelayList({ issuer: self, issuedAtMs, expiresAtMs, relays }, signer)
  }

  /** Relays that answered of late. */
  working(): ListedRelay[] {
    const relays: ListedRelay[] = []
    for (const [peer, { addresses, operator }] of this.#described) {
      if (!isPeerId(peer) || !this.#isFresh(peer) || addresses.length === 0) continue
      const lastSeenWorkingAtMs = this.#answeredAtMs.get(peer) ?? 0
      const named = operator === null ? {} : { operator }
      relays.push({ peer, addresses, lastSeenWorkingAtMs, ...named })
    }
    return relays
  }

  #isFresh(peer: string): boolean {
    const answeredAtMs = this.#answeredAtMs.get(peer)
    return (
      answeredAtMs !== undefined && this.#components.clock.now() - answeredAtMs <= RELAY_FRESH_MS
    )
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { peerId, protocols, agentVersion, listenAddrs, signedPeerRecord, connection } = detail
    if (!protocols.includes(RELAY_V2_HOP_CODEC) || !protocols.includes(DHT_PROTOCOL)) return
    // Whoever comes from outside does not choose what is dialled inside, and who comes from another machine is not on this one.
    const mayBePrivate = isPrivate(connection.remoteAddr)
    const mayBeHere = isHere(connection.remoteAddr)
    const addresses = (signedPeerRecord?.addresses ?? listenAddrs)
      .filter((address) => mayBePrivate || !isPrivate(address))
      .filter((address) => mayBeHere || !isHere(address))
      .map((address) => withPeer(address, peerId))
      .filter((address) => v.is(addressSchema, address))
      // Names reach further than the addresses of a LAN.
      .toSorted((a, b) => Number(b.startsWith('/dns')) - Number(a.startsWith('/dns')))
      .slice(0, MAX_LISTED_ADDRESSES)
    this.#described.set(peerId.toString(), { addresses, operator: operatorOf(agentVersion) })
    if (!this.#answeredAtMs.has(peerId.toString())) remember(this.#cameBy, peerId, addresses)
  }

  readonly #onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    this.#described.delete(peer.toString())
    this.#answeredAtMs.delete(peer.toString())
  }

  #check(): void {
    const visits = [
      ...this.#settings.map(async (address) => {
        const peer = await this.#visit([address])
        if (peer !== null) this.#chosen.set(address, peer)
      }),
      ...Array.from(this.#onLan, async ([id, addresses]) => {
        const peer = await this.#visit(addresses)
        if (peer !== null) this.#chosen.set(id, peer)
        else this.#forgetOnLan(id)
      }),
      ...Array.from(this.#cameBy, async ([id, addresses]) => {
        if ((await this.#visit(addresses)) === null) this.#cameBy.delete(id)
      }),
    ]
    this.#checking = Promise.all(visits).then(() => {
      if (this.#stopping.signal.aborted) return
      this.#cancelNext = this.#components.clock.after(RELAY_CHECK_MS, () => {
        this.#check()
      })
    })
  }

  #forgetOnLan(id: string): void {
    this.#onLan.delete(id)
    this.#chosen.delete(id)
  }

  /** The relay that answers at one of these addresses, or `null`. */
  async #visit(addresses: readonly string[]): Promise<string | null> {
    const { node, log, clock } = this.#components
    const signal = AbortSignal.any([
      this.#stopping.signal,
      AbortSignal.timeout(RELAY_CHECK_TIMEOUT_MS),
    ])
    try {
      const at = addresses.map((address) => multiaddr(address))
      const { remotePeer } = await node.dial(at, { signal })
      await node.services.ping.ping(remotePeer, { signal })
      this.#answeredAtMs.set(remotePeer.toString(), clock.now())
      return remotePeer.toString()
    } catch (error) {
      log.debug(`the relay at ${addresses.join(', ')} does not answer: ${String(error)}`)
      return null
    }
  }
}

/** Notes a relay to visit, by its WebSocket addresses: those of its own machine, and of its containers, lead nowhere from here. */
function remember(into: Map<string, string[]>, id: PeerId, addresses: readonly string[]): void {
  const sockets = addresses.filter((text) => text.includes('/ws/')).slice(0, MAX_LISTED_ADDRESSES)
  const isNew = !into.has(id.toString())
  if (sockets.length === 0 || (isNew && into.size >= MAX_KNOWN_RELAYS)) return
  into.set(id.toString(), sockets)
}

/** Whether it leads to the machine it is said on, also by the name that always does (RFC 6761, 6.3). */
function isHere(address: Multiaddr): boolean {
  return isLoopback(address) || address.getComponents()[0]?.value === 'localhost'
}

function withPeer(address: Multiaddr, peer: PeerId): string {
  const text = address.toString()
  return text.includes('/p2p/') ? text : `${text}/p2p/${peer.toString()}`
}
