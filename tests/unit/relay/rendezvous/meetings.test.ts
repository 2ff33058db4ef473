import { expect, test } from 'vitest'
import { type PeerIdString, peerIdOf } from '#lib/protocol/ids.ts'
import {
  RENDEZVOUS_ALONE_CODE,
  RENDEZVOUS_WAIT_MS,
  rendezvousWord,
} from '#lib/protocol/rendezvous/join.ts'
import { TICKET_LIFE_MS, type Ticket } from '#lib/protocol/rendezvous/ticket.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { QuotaError, TicketError } from '#relay/errors.ts'
import {
  COSTLY_LIMITS,
  MAX_RENDEZVOUS_QUEUE_BYTES,
  MAX_RENDEZVOUS_QUEUE_MESSAGES,
  MAX_RENDEZVOUS_SEATS,
  MAX_RENDEZVOUS_SEATS_PER_ADDRESS,
  MAX_RENDEZVOUS_SEATS_PER_PEER,
  MAX_SOCKET_QUEUE_BYTES,
  RENDEZVOUS_SWEEP_MS,
  SLOW_READER_TIMEOUT_MS,
} from '#relay/limits.ts'
import { Meetings } from '#relay/rendezvous/meetings.ts'
import { Tickets } from '#relay/rendezvous/tickets.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { CountingRefusals } from '../counting-refusals.ts'
import { FakeSocket } from '../fake-socket.ts'

const [ADA, BOB, EVE] = [1, 2, 3].map((byte) => peerIdOf(new Uint8Array(32).fill(byte)))
const HOME = '192.0.2.7'
const JOINED = Buffer.from(rendezvousWord.encode({ type: 'joined' }))

function peerOf(number: number): PeerIdString {
  const key = new Uint8Array(32).fill(9)
  new DataView(key.buffer).setUint16(0, number)
  return peerIdOf(key)
}

function meetings() {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const tickets = new Tickets({ clock, random: systemRandom })
  const all = new Meetings({ clock, refusals, tickets, costly: COSTLY_LIMITS })
  const join = (to: Ticket, peer: PeerIdString, { socket } = new FakeSocket(), source = HOME) => {
    all.join(to, { peer, source, socket })
  }
  const ticket = (from = ADA!, to = BOB!): Ticket => tickets.redeem(tickets.issue(from, to))
  return { clock, refusals, tickets, all, join, ticket }
}

function joined() {
  const scene = meetings()
  const [a, b] = [new FakeSocket(), new FakeSocket()]
  const ticket = scene.ticket()
  scene.join(ticket, ADA!, a)
  scene.join(ticket, BOB!, b)
  for (const socket of [a, b]) {
    expect(socket.sent.splice(0)).toEqual([JOINED])
    socket.take()
  }
  return { ...scene, a, b }
}

test('two are told that they are joined once both are there, and each gets what the other says', () => {
  const { a, b } = joined()
  a.say(Buffer.from('hello'))
  b.say(Buffer.from('hello back'))
  expect(b.sent).toEqual([Buffer.from('hello')])
  expect(a.sent).toEqual([Buffer.from('hello back')])
})

test('who comes first waits for so long, and the ticket is spent then', () => {
  const { clock, tickets, all, join } = meetings()
  const bytes = tickets.issue(ADA!, BOB!)
  const a = new FakeSocket()
  join(tickets.redeem(bytes), ADA!, a)
  clock.advance(RENDEZVOUS_WAIT_MS - 1)
  expect(a.ended).toBe(null)
  clock.advance(1)
  expect(a.ended).toBe(RENDEZVOUS_ALONE_CODE)
  expect(() => tickets.redeem(bytes)).toThrow(TicketError)
  expect(all.size).toBe(0)
  expect(clock.pending).toBe(0)
})

test('a ticket is spent when who waited goes, and when two are joined', () => {
  const { tickets, join } = meetings()
  const [one, two] = [tickets.issue(ADA!, BOB!), tickets.issue(ADA!, BOB!)]
  const a = new FakeSocket()
  join(tickets.redeem(one), ADA!, a)
  a.terminate()
  expect(() => tickets.redeem(one)).toThrow(TicketError)
  join(tickets.redeem(two), BOB!)
  join(tickets.redeem(two), ADA!)
  expect(() => tickets.redeem(two)).toThrow(TicketError)
})

test('nobody joins with the ticket of others, or on both sides', () => {
  const { join, ticket } = meetings()
  const one = ticket()
  expect(() => {
    join(one, EVE!)
  }).toThrow(TicketError)
  join(one, ADA!)
  expect(() => {
    join(one, ADA!)
  }).toThrow(TicketError)
})

test('a peer has so many seats, and gets them back', () => {
  const { join, ticket } = meetings()
  const seats = Array.from({ length: MAX_RENDEZVOUS_SEATS_PER_PEER }, () => new FakeSocket())
  for (const seat of seats) join(ticket(), ADA!, seat)
  const more = (): void => {
    join(ticket(), ADA!)
  }
  expect(more).toThrow(QuotaError)
  seats[0]!.close()
  expect(more).not.toThrow()
})

test('one address has so many seats, however many peers it brings, and gets them back', () => {
  const { all, join, ticket } = meetings()
  const seats = Array.from({ length: MAX_RENDEZVOUS_SEATS_PER_ADDRESS }, (_, seat) => {
    const [peer, socket] = [peerOf(seat), new FakeSocket()]
    join(ticket(peer, BOB), peer, socket)
    return socket
  })
  const more = (): void => {
    join(ticket(), ADA!)
  }
  expect(more).toThrow(QuotaError)
  expect(all.size).toBe(MAX_RENDEZVOUS_SEATS_PER_ADDRESS)
  // Who was refused holds none of the seats of its peer either.
  for (let seat = 0; seat < MAX_RENDEZVOUS_SEATS_PER_PEER; seat += 1) {
    join(ticket(), ADA!, new FakeSocket(), '192.0.2.8')
  }
  seats[0]!.close()
  join(ticket(BOB, EVE), EVE!)
  expect(more).toThrow(QuotaError)
})

test('there are so many seats in all', () => {
  const { all, join, ticket } = meetings()
  for (let seat = 0; seat < MAX_RENDEZVOUS_SEATS; seat += 1) {
    const peer = peerOf(seat)
    join(ticket(peer, BOB), peer, new FakeSocket(), `10.0.${seat >> 8}.${seat & 255}`)
  }
  expect(all.size).toBe(MAX_RENDEZVOUS_SEATS)
  expect(() => {
    join(ticket(), ADA!)
  }).toThrow(QuotaError)
})

test('spent tickets are swept as time goes by, until it stops', () => {
  const { clock, tickets, all, ticket } = meetings()
  all.start()
  tickets.spend(ticket())
  clock.advance(TICKET_LIFE_MS + RENDEZVOUS_SWEEP_MS)
  expect(tickets.spent).toBe(0)
  all.stop()
  expect(clock.pending).toBe(0)
})

test('a sender is held back while the other takes nothing, and read again when half is taken', () => {
  const { a, b, clock, refusals } = joined()
  const eighth = Buffer.alloc(MAX_RENDEZVOUS_QUEUE_BYTES / 8)
  for (let message = 0; message < 3; message += 1) a.say(eighth)
  expect(a.paused).toBe(false)
  a.say(eighth)
  expect(a.paused).toBe(true)
  expect(b.paused).toBe(false)
  clock.advance(SLOW_READER_TIMEOUT_MS - 1)
  b.take(1)
  expect(a.paused).toBe(true)
  b.take(1)
  expect(a.paused).toBe(false)
  clock.advance(1)
  expect(refusals.counted).toEqual([])
})

test('a socket is handed half of a full queue, and the rest as it takes that', () => {
  const { a, b } = joined()
  const eighth = Buffer.alloc(MAX_RENDEZVOUS_QUEUE_BYTES / 8)
  for (let message = 0; message < 8; message += 1) a.say(eighth)
  expect(b.bufferedAmount).toBe(MAX_SOCKET_QUEUE_BYTES)
  b.take(3)
  expect(b.bufferedAmount).toBe(MAX_SOCKET_QUEUE_BYTES)
  expect(a.paused).toBe(true)
  b.take(1)
  expect(a.paused).toBe(false)
  b.take()
  expect(Buffer.concat(b.sent)).toHaveLength(MAX_RENDEZVOUS_QUEUE_BYTES)
})

test('no more than so many messages are handed to a socket; small ones that wait are joined', () => {
  const { a, b } = joined()
  const count = 5 * MAX_RENDEZVOUS_QUEUE_MESSAGES
  for (let each = 0; each < count; each += 1) a.say(Buffer.of(each & 255))
  expect(b.sent).toHaveLength(MAX_RENDEZVOUS_QUEUE_MESSAGES)
  expect(a.paused).toBe(true)
  b.take()
  expect(a.paused).toBe(false)
  const all = Buffer.concat(b.sent)
  expect(all).toEqual(Buffer.from(Array.from({ length: count }, (_, each) => each & 255)))
  expect(b.sent.length).toBeLessThan(3 * MAX_RENDEZVOUS_QUEUE_MESSAGES)
})

test('more than a full queue ends both', () => {
  const { a, b, refusals, clock } = joined()
  const quarter = Buffer.alloc(MAX_RENDEZVOUS_QUEUE_BYTES / 4)
  for (let each = 0; each < 4; each += 1) a.say(quarter)
  expect(a.ended).toBe(null)
  a.say(Buffer.of(0))
  expect([a.ended, b.ended]).toEqual([1_006, 1_006])
  expect(refusals.counted).toEqual(['buffer-full'])
  expect(clock.pending).toBe(0)
})

test('a reader that takes nothing for too long is cut, and the other with it', () => {
  const { a, b, clock, refusals } = joined()
  a.say(Buffer.alloc(MAX_RENDEZVOUS_QUEUE_BYTES / 2))
  clock.advance(SLOW_READER_TIMEOUT_MS - 1)
  expect(b.ended).toBe(null)
  clock.advance(1)
  expect([a.ended, b.ended]).toEqual([1_006, 1_006])
  expect(refusals.counted).toEqual(['slow-reader'])
})

test('what was said before a polite end still arrives, and a break is told as a break', () => {
  const polite = joined()
  for (let each = 0; each <= MAX_RENDEZVOUS_QUEUE_MESSAGES; each += 1) polite.a.say(Buffer.of(7))
  polite.a.close()
  expect(Buffer.concat(polite.b.sent)).toHaveLength(MAX_RENDEZVOUS_QUEUE_MESSAGES + 1)
  expect(polite.b.ended).toBe(1_000)
  const broken = joined()
  broken.a.terminate()
  expect(broken.b.ended).toBe(1_006)
})

test.for([
  { what: 'text', data: Buffer.from('text'), isBinary: false },
  { what: 'an empty message', data: Buffer.alloc(0), isBinary: true },
])('$what ends both', ({ data, isBinary }) => {
  const { a, b, refusals } = joined()
  a.say(data, isBinary)
  expect([a.ended, b.ended]).toEqual([1_006, 1_006])
  expect(refusals.counted).toEqual(['rendezvous-malformed'])
})

test('two are joined for as long as a circuit lasts, and for as many bytes', () => {
  const lasting = joined()
  lasting.clock.advance(COSTLY_LIMITS.circuitDurationMs)
  expect([lasting.a.ended, lasting.b.ended]).toEqual([1_000, 1_000])
  const talking = joined()
  const message = Buffer.alloc(64 * 1_024)
  for (let left = COSTLY_LIMITS.circuitBytes; left > 0n; left -= BigInt(message.byteLength)) {
    talking.a.say(message)
    talking.b.take()
  }
  expect(talking.a.ended).toBe(null)
  talking.b.say(Buffer.of(1))
  expect([talking.a.ended, talking.b.ended]).toEqual([1_000, 1_000])
})
