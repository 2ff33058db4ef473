import { expect, test } from 'vitest'
import { InvalidDataError, LimitExceededError, StarlingError } from '#lib/protocol/errors.ts'
import { peerIdOf } from '#lib/protocol/ids.ts'
import {
  readTicket,
  splitTicket,
  type Ticket,
  ticketBody,
  TICKET_LIFE_MS,
} from '#lib/protocol/rendezvous/ticket.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { TicketError } from '#relay/errors.ts'
import { Tickets } from '#relay/rendezvous/tickets.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

const [ADA, BOB, EVE] = [1, 2, 3].map((byte) => peerIdOf(new Uint8Array(32).fill(byte)))

/**
 * A share of the ten million for every day. All of them take some minutes:
 * `STARLING_GUESSES=10000000 npx vitest run --project unit tests/unit/relay/rendezvous/tickets.test.ts`
 */
const GUESSES = Number(process.env['STARLING_GUESSES'] ?? 20_000)

function issuing() {
  const clock = new ManualClock()
  return { clock, tickets: new Tickets({ clock, random: systemRandom }) }
}

test('a ticket is known again until its time is over', () => {
  const { clock, tickets } = issuing()
  const bytes = tickets.issue(ADA!, BOB!)
  expect(tickets.redeem(bytes)).toMatchObject({ from: ADA, to: BOB })
  clock.advance(TICKET_LIFE_MS - 1)
  expect(tickets.redeem(bytes)).toMatchObject({ from: ADA, to: BOB })
  clock.advance(1)
  expect(() => tickets.redeem(bytes)).toThrow(TicketError)
})

test('each ticket has an id of its own', () => {
  const { tickets } = issuing()
  const ids = Array.from({ length: 1_000 }, () => {
    return Buffer.from(readTicket(tickets.issue(ADA!, BOB!)).id).toString('hex')
  })
  expect(new Set(ids).size).toBe(1_000)
})

test('a spent ticket is refused, and forgotten when it would not hold any more', () => {
  const { clock, tickets } = issuing()
  const bytes = tickets.issue(ADA!, BOB!)
  tickets.spend(tickets.redeem(bytes))
  expect(() => tickets.redeem(bytes)).toThrow(TicketError)
  tickets.sweep()
  expect(tickets.spent).toBe(1)
  clock.advance(TICKET_LIFE_MS)
  tickets.sweep()
  expect(tickets.spent).toBe(0)
  expect(() => tickets.redeem(bytes)).toThrow(TicketError)
})

test('a relay that was started anew knows no ticket from before', () => {
  const bytes = issuing().tickets.issue(ADA!, BOB!)
  expect(() => issuing().tickets.redeem(bytes)).toThrow(TicketError)
})

test('no part of a ticket can be changed', () => {
  const { tickets } = issuing()
  const bytes = tickets.issue(ADA!, BOB!)
  const { body, mac } = splitTicket(bytes)
  const ticket = readTicket(bytes)
  const withMac = (named: Ticket): Uint8Array => {
    return Uint8Array.from([...ticketBody.encode(named), ...mac])
  }
  const changed = [
    withMac({ ...ticket, from: EVE! }),
    withMac({ ...ticket, to: EVE! }),
    withMac({ ...ticket, from: BOB!, to: ADA! }),
    withMac({ ...ticket, expiresAtMs: ticket.expiresAtMs + 1 }),
    ...Array.from({ length: bytes.byteLength * 8 }, (_, bit) => flipped(bytes, bit)),
    Uint8Array.from([...body, ...mac.subarray(1)]),
    Uint8Array.from([...body, 0, ...mac]),
    mac,
  ]
  for (const each of changed) expect(() => tickets.redeem(each)).toThrow(StarlingError)
})

test('bytes that are no ticket are refused as such', () => {
  const { tickets } = issuing()
  const ticket = tickets.issue(ADA!, BOB!)
  expect(() => tickets.redeem(ticket.subarray(0, 32))).toThrow(InvalidDataError)
  expect(() => tickets.redeem(new Uint8Array(257))).toThrow(LimitExceededError)
  expect(() => tickets.issue(ADA!, ADA!)).toThrow(InvalidDataError)
})

test('guesses never hit', { timeout: 1_800_000 }, () => {
  const { clock, tickets } = issuing()
  const known = splitTicket(tickets.issue(ADA!, BOB!)).body
  const wanted = readTicket(tickets.issue(ADA!, BOB!))
  const eves = ticketBody.encode({ ...wanted, from: EVE! })
  const idAt = Buffer.from(eves).indexOf(Buffer.from(wanted.id))
  const other = new Tickets({ clock, random: systemRandom })
  let hits = 0
  for (let guess = 0; guess < GUESSES; guess += 1) {
    // In turn: the MAC of a ticket that was issued, id and MAC of one for the thief, and what a relay with another key issues.
    let bytes: Uint8Array
    if (guess % 100 === 0) bytes = other.issue(ADA!, BOB!)
    else if (guess % 2 === 0) bytes = Buffer.concat([known, systemRandom.bytes(32)])
    else {
      bytes = Buffer.concat([eves, systemRandom.bytes(32)])
      bytes.set(systemRandom.bytes(32), idAt)
    }
    try {
      tickets.redeem(bytes)
      hits += 1
    } catch (error) {
      if (!(error instanceof TicketError)) throw error
    }
  }
  expect(hits).toBe(0)
})

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}
