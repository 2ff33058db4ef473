import { multiaddr } from '@multiformats/multiaddr'
import type { Connection } from '@libp2p/interface'
import {
  ASSIST_TRANSPORTS,
  type AssistAnswer,
  assistAnswer,
  type AssistGreeting,
  assistGreeting,
  type AssistRequest,
  MAX_ASSIST_ADDRESSES,
  MAX_ASSIST_COUNTERS,
  MAX_ASSIST_RELAYS,
} from '#lib/protocol/assist.ts'
import { isConnectAddress } from '#lib/protocol/connect/addresses.ts'
import { isPeerId, type PeerIdString } from '#lib/protocol/ids.ts'
import { openPeerRecord } from '#lib/protocol/peer-record.ts'
import type { ListedRelay } from '#lib/protocol/relay-list.ts'
import { addressSchema } from '#lib/protocol/schemas.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import * as v from 'valibot'
import type { PeerRecords } from '../dht/peer-records.ts'
import { inboundOf } from '../inbound.ts'
import type { RelayNode } from '../node.ts'
import type { Invitations } from '../rendezvous/invitations.ts'
import type { Tickets } from '../rendezvous/tickets.ts'
import type { AskedBy } from './asked.ts'
import type { AssistPrekeys } from './prekeys.ts'

type AssistRelay = AssistAnswer['relays'][number]

export interface AssistanceComponents {
  self: PeerIdString
  signer: Signer
  clock: Clock
  node: Pick<RelayNode, 'getConnections'>
  asked: AskedBy
  prekeys: AssistPrekeys
  tickets: Tickets
  invitations: Invitations
  records: Pick<PeerRecords, 'get'>
  /** Multiaddrs of this relay, each with its peer id, the best first. */
  addresses: () => string[]
  /** Other relays that were seen working of late. */
  known: () => ListedRelay[]
  /** STUN and TURN for this peer; null: there are none. */
  ice: (peer: PeerIdString) => AssistAnswer['ice']
  /** How often what was refused, by the reason. */
  refused: () => Promise<Map<string, number>>
}

/** What a relay can give to a peer that cannot reach another. */
export class Assistance {
  readonly #components: AssistanceComponents

  constructor(components: AssistanceComponents) {
    this.#components = components
  }

  async greet(): Promise<Uint8Array<ArrayBuffer>> {
    const { self, clock, prekeys } = this.#components
    const greeting: AssistGreeting = {
      relay: self,
      nowMs: clock.now(),
      prekeys: await prekeys.published(),
    }
    return assistGreeting.encode(greeting)
  }

  /** @throws AssistRefusedError, LimitExceededError, InvalidDataError */
  async answer(body: Uint8Array): Promise<Uint8Array> {
    const { asked, self, signer, prekeys, tickets, invitations, ice } = this.#components
    const { request, sealAnswer } = await asked.open(body)
    const { from, to, nonce } = request
    const ticket = tickets.issue(from, to)
    const [invited, relays, published, refused] = await Promise.all([
      invitations.send(to, ticket),
      this.#relays(request),
      prekeys.published(),
      this.#refused(),
    ])
    const answer = await assistAnswer.seal(
      {
        relay: self,
        nonce,
        relays,
        ice: ice(from),
        transports: transportsOf(this.#components.node.getConnections()),
        fec: 'none',
        prekeys: published,
        ticket,
        invited,
        refused,
      },
      signer,
    )
    return sealAnswer(answer)
  }

  async #relays({ to }: AssistRequest): Promise<AssistRelay[]> {
    const { self, addresses, known } = this.#components
    const byRecord = new Map<PeerIdString, string[]>()
    for (const address of await this.#recorded(to)) {
      const relay = multiaddr(address)
        .getComponents()
        .findLast(({ name }) => name === 'p2p')?.value
      if (isPeerId(relay)) byRecord.set(relay, [...(byRecord.get(relay) ?? []), address])
    }
    const latestFirst = known().toSorted((a, b) => b.lastSeenWorkingAtMs - a.lastSeenWorkingAtMs)
    const ranked: AssistRelay[] = [
      ...Array.from(byRecord, ([peer, at]) => ({ peer, why: 'record' as const, addresses: at })),
      { peer: self, why: 'asked', addresses: addresses() },
      ...latestFirst.map(({ peer, addresses: at }) => ({
        peer,
        why: 'known' as const,
        addresses: at,
      })),
    ]
    const named = new Set<PeerIdString>()
    return ranked
      .filter(({ peer }) => !named.has(peer) && named.add(peer))
      .slice(0, MAX_ASSIST_RELAYS)
      .map((relay) => ({
        ...relay,
        addresses: relay.addresses
          .filter((address) => v.is(addressSchema, address))
          .slice(0, MAX_ASSIST_ADDRESSES),
      }))
  }

  /** Where the peer says that it is, to this relay. */
  async #recorded(peer: PeerIdString): Promise<string[]> {
    const { records, clock } = this.#components
    const record = records.get(peer)
    if (record === null) return []
    try {
      return (await openPeerRecord(record, clock.now())).relays
    } catch {
      // It has expired since it came.
      return []
    }
  }

  async #refused(): Promise<AssistAnswer['refused']> {
    const refused = await this.#components.refused()
    return Array.from(refused, ([reason, times]) => ({ reason, times }))
      .filter(({ times }) => times > 0)
      .slice(0, MAX_ASSIST_COUNTERS)
  }
}

/** Shares of the ways by which peers are connected now, and their round trips, as far as they were measured. */
function transportsOf(
  connections: readonly Pick<Connection, 'remoteAddr' | 'timeline'>[],
): AssistAnswer['transports'] {
  const byWay = Map.groupBy(connections, wayOf)
  return ASSIST_TRANSPORTS.map((transport) => {
    const these = byWay.get(transport) ?? []
    const trips = these
      .flatMap((connection) => inboundOf(connection)?.roundTripMs ?? [])
      .toSorted((a, b) => a - b)
    const all = connections.length
    const median = trips[Math.floor(trips.length / 2)]
    return {
      transport,
      perMille: all === 0 ? null : Math.round((1_000 * these.length) / all),
      roundTripMs: median === undefined ? null : Math.round(median),
    }
  }).toSorted((a, b) => (b.perMille ?? 0) - (a.perMille ?? 0))
}

function wayOf({
  remoteAddr,
}: Pick<Connection, 'remoteAddr'>): (typeof ASSIST_TRANSPORTS)[number] | null {
  if (isConnectAddress(remoteAddr)) return 'http'
  const names = remoteAddr.getComponents().map(({ name }) => name)
  if (names.includes('webtransport')) return 'webtransport'
  if (names.includes('webrtc-direct')) return 'webrtc-direct'
  return names.includes('ws') || names.includes('wss') ? 'websocket' : null
}
