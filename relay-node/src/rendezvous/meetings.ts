import type { WebSocket } from 'ws'
import { toBase64url } from '#lib/protocol/base64url.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { RENDEZVOUS_ALONE_CODE, RENDEZVOUS_WAIT_MS } from '#lib/protocol/rendezvous/join.ts'
import type { Ticket } from '#lib/protocol/rendezvous/ticket.ts'
import { AtOnce } from '../at-once.ts'
import { QuotaError, TicketError } from '../errors.ts'
import {
  MAX_RENDEZVOUS_SEATS,
  MAX_RENDEZVOUS_SEATS_PER_PEER,
  RENDEZVOUS_SWEEP_MS,
} from '../limits.ts'
import { Meeting, type MeetingComponents } from './meeting.ts'
import type { Tickets } from './tickets.ts'

export interface MeetingsComponents extends MeetingComponents {
  tickets: Tickets
}

/** Who came first, and is alone. */
interface Waiting {
  peer: PeerIdString
  socket: WebSocket
}

/** Peers that have proven who they are: each waits for the other of its ticket, and is joined with it once. */
export class Meetings {
  readonly #components: MeetingsComponents
  readonly #seats = new AtOnce({
    max: MAX_RENDEZVOUS_SEATS,
    maxPerAsker: MAX_RENDEZVOUS_SEATS_PER_PEER,
  })
  /** By the ticket's id. */
  readonly #waiting = new Map<string, Waiting>()
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
   * @param peer has proven its key
   * @throws TicketError when it is not this peer's, or this peer came with it before; QuotaError when no seat is left
   */
  join(ticket: Ticket, peer: PeerIdString, socket: WebSocket): void {
    if (peer !== ticket.from && peer !== ticket.to) throw new TicketError('of others')
    const id = toBase64url(ticket.id)
    const other = this.#waiting.get(id)
    if (other?.peer === peer) throw new TicketError('used by the same peer twice')
    this.#seat(peer, socket)
    if (other === undefined) this.#wait(id, ticket, { peer, socket })
    else {
      this.#waiting.delete(id)
      this.#components.tickets.spend(ticket)
      new Meeting(this.#components, [other.socket, socket])
    }
  }

  /** @throws QuotaError */
  #seat(peer: PeerIdString, socket: WebSocket): void {
    const leave = this.#seats.enter(peer)
    if (leave === null) throw new QuotaError('no seat is left')
    this.#seated += 1
    socket.once('close', () => {
      this.#seated -= 1
      leave()
    })
  }

  #wait(id: string, ticket: Ticket, waiting: Waiting): void {
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
