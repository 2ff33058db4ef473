/**
 * libp2p over a rendezvous at a relay (`lib/protocol/rendezvous`), for two peers that share no other path: one dials, the other
 * hears of it by its relay. The connection is encrypted between the two, as any other, and counts as relayed.
 *
 * What meets is loaded when it is needed first: most people never need it.
 */
import {
  type ComponentLogger,
  type Connection,
  ConnectionFailedError,
  type DialTransportOptions,
  type PrivateKey,
  serviceCapabilities,
  type Startable,
  type Stream,
  type Transport,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { InvalidDataError } from '../../protocol/errors.ts'
import { parsePeerId } from '../../protocol/ids.ts'
import {
  decodeRendezvousAddress,
  isRendezvousAddress,
  rendezvousAddress,
} from '../../protocol/rendezvous/addresses.ts'
import { RENDEZVOUS_PROTOCOL } from '../../protocol/rendezvous/join.ts'
import { MAX_TICKET_BYTES, readTicket } from '../../protocol/rendezvous/ticket.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import { signedBytes } from '../../protocol/signed.ts'
import { isRelayed } from '../addresses.ts'
import { UnreachableError } from '../errors.ts'
import { readLengthPrefixed } from '../length-prefixed.ts'
import type { MeetComponents } from './meet.ts'

/** Invitations that are followed at once: a relay can ask for no more of a page. */
export const MAX_INVITATIONS = 8

/** How long an invitation may take to be here, ms: it is one small frame. */
const INVITATION_TIMEOUT_MS = 5_000

/** How long one that is followed may take to become a connection, ms. */
const FOLLOW_TIMEOUT_MS = 45_000

export interface RendezvousTransportInit {
  clock: Clock
  random: Random
  onAssisted: MeetComponents['onAssisted']
}

export interface RendezvousTransportComponents {
  logger: ComponentLogger
  privateKey: PrivateKey
  registrar: Registrar
  upgrader: Upgrader
}

export function rendezvousTransport(
  init: RendezvousTransportInit,
): (components: RendezvousTransportComponents) => Transport & Startable {
  return (components) => new RendezvousTransport(init, components)
}

class RendezvousTransport implements Transport, Startable {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'starling/rendezvous'
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #components: RendezvousTransportComponents
  readonly #meeting: MeetComponents
  #stopping = new AbortController()
  #following = 0

  constructor(
    { clock, random, onAssisted }: RendezvousTransportInit,
    components: RendezvousTransportComponents,
  ) {
    const { privateKey, logger } = components
    this.#components = components
    this.#meeting = {
      signer: {
        publicKey: privateKey.publicKey.raw,
        sign: async (context, body) => await privateKey.sign(signedBytes(context, body)),
      },
      clock,
      random,
      onAssisted,
      log: logger.forComponent('starling:rendezvous'),
    }
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    await this.#components.registrar.handle(
      RENDEZVOUS_PROTOCOL,
      (stream, connection) => {
        void this.#invited(stream, connection)
      },
      { maxInboundStreams: MAX_INVITATIONS },
    )
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new UnreachableError('the node stops'))
    await this.#components.registrar.unhandle(RENDEZVOUS_PROTOCOL)
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isRendezvousAddress)
  }

  listenFilter(): Multiaddr[] {
    return []
  }

  createListener(): never {
    throw new ConnectionFailedError('a rendezvous is at a relay')
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const target = decodeRendezvousAddress(address)
    if (target === null) throw new ConnectionFailedError('another kind of address')
    const { askAndMeet } = await import('./meet.ts')
    const connection = await askAndMeet(this.#meeting, { target, address }, options.signal)
    try {
      return await options.upgrader.upgradeOutbound(connection, options)
    } catch (error) {
      connection.abort(error as Error)
      throw error
    }
  }

  /** A relay says that somebody asks for me. It is one that I have chosen to dial, or it is not listened to. */
  async #invited(stream: Stream, connection: Connection): Promise<void> {
    try {
      const isMyRelay = !isRelayed(connection.remoteAddr) && connection.direction === 'outbound'
      if (!isMyRelay)
        throw new InvalidDataError('an invitation of somebody who is no relay of mine')
      if (this.#following >= MAX_INVITATIONS) throw new UnreachableError('too many invitations')
      this.#following += 1
      try {
        await this.#follow(stream, connection)
      } finally {
        this.#following -= 1
      }
    } catch (error) {
      this.#meeting.log('an invitation led to nobody - %e', error)
      stream.abort(error as Error)
    }
  }

  async #follow(stream: Stream, { remoteAddr, remotePeer }: Connection): Promise<void> {
    const ticket = await readLengthPrefixed(
      stream,
      MAX_TICKET_BYTES,
      this.#within(INVITATION_TIMEOUT_MS),
    )
    void stream.close().catch(() => undefined)
    const { from } = readTicket(ticket)
    // The host this relay was reached at, over TCP: an invitation leads to no other.
    const address = rendezvousAddress(remoteAddr, parsePeerId(remotePeer.toString()), from)
    const target = address === null ? null : decodeRendezvousAddress(address)
    if (address === null || target === null) throw new UnreachableError('the relay is not at TCP')
    const signal = this.#within(FOLLOW_TIMEOUT_MS)
    const { meet } = await import('./meet.ts')
    const meeting = { target, address, ticket, direction: 'inbound' as const }
    const connection = await meet(this.#meeting, meeting, signal)
    try {
      await this.#components.upgrader.upgradeInbound(connection, { signal })
    } catch (error) {
      connection.abort(error as Error)
      throw error
    }
  }

  #within(ms: number): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ms)])
  }
}
