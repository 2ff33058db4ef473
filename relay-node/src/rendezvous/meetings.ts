import type { WebSocket } from 'ws'
import { toBase64url } from '#lib/protocol/base64url.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { RENDEZVOUS_ALONE_CODE, RENDEZVOUS_WAIT_MS } from '#lib/protocol/rendezvous/join.ts'
import type { Ticket } from '#lib/protocol/rendezvous/ticket.ts'
import { AtOnce } from '../at-once.ts'
import { QuotaError, TicketError } from '../errors.ts'
import {
  MAX_RENDEZVOUS_SEATS,
  MAX_RENDEZVOUS_SEATS_PER_ADDRESS,
  MAX_RENDEZVOUS_SEATS_PER_PEER,
  RENDEZVOUS_SWEEP_MS,
} from '../limits.ts'
import { Meeting, type MeetingComponents } from './meeting.ts'
import type { Tickets } from './tickets.ts'

export interface MeetingsComponents extends MeetingComponents {
  tickets: Tickets
}

/** Who has come. */
export interface Guest {
  /** Has proven its key. */
  peer: PeerIdString
  /** What counts as one address (`sourceOf`). */
  source: string
  socket: WebSocket
}

/** Peers that have proven who they are: each waits for the other of its ticket, and is joined with it once. */
export class Meetings {
  readonly #components: MeetingsComponents
  readonly #seatsOfPeers = new AtOnce({
    max: MAX_RENDEZVOUS_SEATS,
    maxPerAsker: MAX_RENDEZVOUS_SEATS_PER_PEER,
  })
  readonly #seatsOfAddresses = new AtOnce({
    max: MAX_RENDEZVOUS_SEATS,
    maxPerAsker: MAX_RENDEZVOUS_SEATS_PER_ADDRESS,
  })
  /** Who came first and is alone, by the ticket's id. */
  readonly #waiting = new Map<string, Guest>()
  #cancelSweep: (() => void) | null = null
  #seated = 0

  constructor(components: MeetingsComponents) {
    this.#components = components
  }

  /** Sockets that wait or are joined. */
  get size(): number {
    return this.#seated
  }

  start(): void {
    this.#cancelSweep = this.#components.clock.after(RENDEZVOUS_SWEEP_MS, () => {
      this.#components.tickets.sweep()
      this.start()
    })
  }

  stop(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = null
  }

  /**
   * @param ticket redeemed, so it holds
   * @throws TicketError when it is not this peer's, or this peer came with it before; QuotaError when no seat is left for it
   */
  join(ticket: Ticket, guest: Guest): void {
    const { peer, socket } = guest
    if (peer !== ticket.from && peer !== ticket.to) throw new TicketError('of others')
    const id = toBase64url(ticket.id)
    const other = this.#waiting.get(id)
    if (other?.peer === peer) throw new TicketError('used by the same peer twice')
    this.#seat(guest)
    if (other === undefined) this.#wait(id, ticket, guest)
    else {
      this.#waiting.delete(id)
      this.#components.tickets.spend(ticket)
      new Meeting(this.#components, [other.socket, socket])
    }
  }

  /** @throws QuotaError */
  #seat({ peer, source, socket }: Guest): void {
    const leave = this.#seatsOfPeers.enter(peer)
    const leaveAddress = leave === null ? null : this.#seatsOfAddresses.enter(source)
    if (leave === null || leaveAddress === null) {
      leave?.()
      throw new QuotaError('no seat is left')
    }
    this.#seated += 1
    socket.once('close', () => {
      this.#seated -= 1
      leave()
      leaveAddress()
    })
  }

  #wait(id: string, ticket: Ticket, waiting: Guest): void {
    const { clock, tickets } = this.#components
    this.#waiting.set(id, waiting)
    const { socket } = waiting
    const over = (): boolean => {
      if (this.#waiting.get(id) !== waiting) return false
      this.#waiting.delete(id)
      tickets.spend(ticket)
      return true
    }
    const cancel = clock.after(RENDEZVOUS_WAIT_MS, () => {
      if (over()) socket.close(RENDEZVOUS_ALONE_CODE)
    })
    socket.once('close', () => {
      cancel()
      over()
    })
  }
}
