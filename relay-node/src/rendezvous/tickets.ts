import { createHmac, timingSafeEqual } from 'node:crypto'
import { toBase64url } from '#lib/protocol/base64url.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  splitTicket,
  type Ticket,
  ticketBody,
  TICKET_ID_BYTES,
  TICKET_LIFE_MS,
} from '#lib/protocol/rendezvous/ticket.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { TicketError } from '../errors.ts'

const SECRET_BYTES = 32

export interface TicketsComponents {
  clock: Pick<Clock, 'now'>
  random: Pick<Random, 'bytes'>
}

/**
 * Issues tickets, and knows its own again. Nothing is kept of one until it is spent.
 *
 * The key is new at every start: which tickets are spent is forgotten then, so none from before may hold.
 */
export class Tickets {
  readonly #components: TicketsComponents
  readonly #secret: Uint8Array
  /** When each spent one expires, by its id. */
  readonly #spent = new Map<string, number>()

  constructor(components: TicketsComponents) {
    this.#components = components
    this.#secret = components.random.bytes(SECRET_BYTES)
  }

  /** Spent ones that are remembered. */
  get spent(): number {
    return this.#spent.size
  }

  /** @throws InvalidDataError when both are the same */
  issue(from: PeerIdString, to: PeerIdString): Uint8Array<ArrayBuffer> {
    const { clock, random } = this.#components
    const body = ticketBody.encode({
      id: random.bytes(TICKET_ID_BYTES),
      from,
      to,
      expiresAtMs: clock.now() + TICKET_LIFE_MS,
    })
    return Uint8Array.from([...body, ...this.#mac(body)])
  }

  /** @throws TicketError when it was not issued here, is over or spent; LimitExceededError, InvalidDataError when it is none */
  redeem(bytes: Uint8Array): Ticket {
    const { body, mac } = splitTicket(bytes)
    // Before anything is read: what others have made up is looked at no further.
    if (!timingSafeEqual(this.#mac(body), mac)) throw new TicketError('not issued here')
    const ticket = ticketBody.decode(body)
    if (this.#components.clock.now() >= ticket.expiresAtMs) throw new TicketError('over')
    if (this.#spent.has(toBase64url(ticket.id))) throw new TicketError('spent')
    return ticket
  }

  /** It joins nobody any more. */
  spend({ id, expiresAtMs }: Ticket): void {
    this.#spent.set(toBase64url(id), expiresAtMs)
  }

  /** Forgets spent ones that would not hold any more in any case. */
  sweep(): void {
    const nowMs = this.#components.clock.now()
    for (const [id, expiresAtMs] of this.#spent) {
      if (expiresAtMs <= nowMs) this.#spent.delete(id)
    }
  }

  #mac(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#secret).update(body).digest()
  }
}
