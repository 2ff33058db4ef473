import { once } from 'node:events'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { expect, onTestFinished, test } from 'vitest'
import { type ClientOptions, WebSocket as WsSocket } from 'ws'
import { parsePeerId, type PeerIdString } from '#lib/protocol/ids.ts'
import { rendezvousAddress } from '#lib/protocol/rendezvous/addresses.ts'
import {
  joinProof,
  RENDEZVOUS_FULL_CODE,
  RENDEZVOUS_PATH,
  RENDEZVOUS_REFUSED_CODE,
  type RendezvousWord,
  rendezvousWord,
} from '#lib/protocol/rendezvous/join.ts'
import { readTicket, splitTicket, ticketBody } from '#lib/protocol/rendezvous/ticket.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import {
  MAX_RENDEZVOUS_SEATS_PER_ADDRESS,
  MAX_RENDEZVOUS_UNPROVEN_PER_ADDRESS,
  RENDEZVOUS_PING_MS,
} from '#relay/limits.ts'
import type { Relay } from '#relay/relay.ts'
import { relaySigner } from '#relay/store/identity.ts'
import { askAssistance } from '../../../src/lib/p2p/rendezvous/ask-assistance.ts'
import { rendezvousTransport } from '../../../src/lib/p2p/rendezvous/transport.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { refused, startRelay, type StockClient, stockClient, webSocketOf } from './harness.ts'

interface Somebody {
  key: Ed25519PrivateKey
  peer: PeerIdString
  signer: Signer
}

async function somebody(): Promise<Somebody> {
  const key = await generateKeyPair('Ed25519')
  return { key, peer: parsePeerId(key.publicKey.toString()), signer: relaySigner(key) }
}

/** A node of this person that can meet, connected to the relay without a place there. */
async function nodeOf(relay: Relay, { key }: Somebody): Promise<StockClient> {
  const node = await stockClient({
    privateKey: key,
    also: [
      rendezvousTransport({
        clock: systemClock,
        random: systemRandom,
        onAssisted: () => undefined,
      }),
    ],
  })
  await node.dial(webSocketOf(relay))
  return node
}

/** A ticket as the relay gives it to `from`. */
async function ticketFor(relay: Relay, from: Somebody, to: Somebody): Promise<Uint8Array> {
  const { ticket } = await askAssistance(
    { signer: from.signer, random: systemRandom },
    { origin: relay.address, relay: relay.peerId, peer: to.peer },
  )
  return ticket
}

/** A WebSocket to `/p2p` in the hand of a test. */
class Visitor {
  readonly #socket: WsSocket
  readonly #messages: Buffer[] = []
  readonly closed: Promise<number>

  constructor(relay: Relay, options: ClientOptions = {}) {
    const url = `${relay.address.replace('http', 'ws')}${RENDEZVOUS_PATH}`
    const socket = new WsSocket(url, options)
    this.#socket = socket
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('message', (data: Buffer) => {
      this.#messages.push(data)
    })
    socket.on('error', () => undefined)
    onTestFinished(() => {
      socket.terminate()
    })
  }

  async hear(): Promise<Buffer> {
    if (this.#messages.length === 0) await once(this.#socket, 'message')
    return this.#messages.shift()!
  }

  async word(): Promise<RendezvousWord> {
    return rendezvousWord.decode(await this.hear())
  }

  async challenge(): Promise<Uint8Array> {
    const word = await this.word()
    if (word.type !== 'challenge') throw new Error('no challenge')
    return word.challenge
  }

  send(data: Uint8Array | string): void {
    this.#socket.send(data)
  }

  /** Resolves when the relay asks for a sign of life, which it is given. */
  async pinged(): Promise<void> {
    await once(this.#socket, 'ping')
  }

  /** From now on nothing is read, nor answered. */
  fallSilent(): void {
    this.#socket.pause()
  }

  readAgain(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.close()
  }
}

/** Comes with the ticket and a proof of this key. */
async function come(
  relay: Relay,
  who: Somebody,
  ticket: Uint8Array,
  options: ClientOptions = {},
): Promise<Visitor> {
  const visitor = new Visitor(relay, options)
  const challenge = await visitor.challenge()
  const proof = { relay: relay.peerId, peer: who.peer, challenge, ticket }
  visitor.send(await joinProof.seal(proof, who.signer))
  return visitor
}

async function seats(relay: Relay): Promise<number | undefined> {
  const metric = await relay.registry.getSingleMetric('starling_relay_rendezvous_seats')?.get()
  return metric?.values[0]?.value
}

test('two nodes without a place at any relay meet at one, and talk', async () => {
  const relay = await startRelay(['--max-reservations', '1'])
  const [ada, bob] = [await somebody(), await somebody()]
  const [adas, bobs] = [await nodeOf(relay, ada), await nodeOf(relay, bob)]
  const address = rendezvousAddress(webSocketOf(relay), relay.peerId, bob.peer)!
  const connection = await adas.dial(address)
  expect(connection.remotePeer.toString()).toBe(bob.peer)
  expect(connection.direct).toBe(false)
  expect(connection.encryption).toBe('/noise')
  await adas.services.ping.ping(bobs.peerId)
  await bobs.services.ping.ping(adas.peerId)
  expect(await seats(relay)).toBe(2)
  const [back] = bobs.getConnections(adas.peerId)
  expect(back?.direction).toBe('inbound')
  await connection.close()
  await expect.poll(() => bobs.getConnections(adas.peerId)).toEqual([])
  await expect.poll(() => seats(relay)).toBe(0)
})

test('who is asked for and is not there is not waited for', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const adas = await nodeOf(relay, ada)
  const address = rendezvousAddress(webSocketOf(relay), relay.peerId, bob.peer)!
  await expect(adas.dial(address)).rejects.toThrow('not at this relay')
})

test('a stolen ticket is of no use without a key it names, and still is to those it names', async () => {
  const relay = await startRelay()
  const [ada, bob, eve] = [await somebody(), await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const thief = await come(relay, eve, ticket)
  expect(await thief.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  // With the name of who asked, and another key.
  const liar = new Visitor(relay)
  const challenge = await liar.challenge()
  const proof = { relay: relay.peerId, peer: eve.peer, challenge, ticket }
  const sealed = await joinProof.seal(proof, eve.signer)
  const at = Buffer.from(sealed).indexOf(eve.peer)
  sealed.set(Buffer.from(ada.peer), at)
  liar.send(sealed)
  expect(await liar.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  expect(await refused(relay, 'rendezvous-ticket')).toBe(1)
  expect(await refused(relay, 'rendezvous-malformed')).toBe(1)

  const [a, b] = [await come(relay, ada, ticket), await come(relay, bob, ticket)]
  expect(await a.word()).toEqual({ type: 'joined' })
  expect(await b.word()).toEqual({ type: 'joined' })
  a.send(Buffer.from('to bob'))
  expect(String(await b.hear())).toBe('to bob')
  b.send(Buffer.from('to ada'))
  expect(String(await a.hear())).toBe('to ada')
  b.end()
  expect(await a.closed).toBe(1_000)
})

test('a ticket joins once', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const first = await come(relay, ada, ticket)
  // The same side again, before the other has come.
  const again = await come(relay, ada, ticket)
  expect(await again.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  await come(relay, bob, ticket)
  expect(await first.word()).toEqual({ type: 'joined' })
  const late = await come(relay, bob, ticket)
  expect(await late.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  expect(await refused(relay, 'rendezvous-ticket')).toBe(2)
})

test('a ticket that the relay has not issued so is refused', async () => {
  const relay = await startRelay()
  const [ada, bob, eve] = [await somebody(), await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const { body, mac } = splitTicket(ticket)
  const named = readTicket(ticket)
  const changed = [
    [...body, ...mac.map((byte) => byte ^ 1)],
    [...ticketBody.encode({ ...named, to: eve.peer }), ...mac],
    [...ticketBody.encode({ ...named, expiresAtMs: named.expiresAtMs + 1 }), ...mac],
    [...ticketBody.encode({ ...named, id: systemRandom.bytes(32) }), ...mac],
  ]
  for (const each of changed) {
    const visitor = await come(relay, ada, Uint8Array.from(each))
    expect(await visitor.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  }
  const elsewhere = await startRelay()
  const visitor = await come(elsewhere, ada, ticket)
  expect(await visitor.closed).toBe(RENDEZVOUS_REFUSED_CODE)
})

test('a proof is good for one challenge of one relay', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const old = await new Visitor(relay).challenge()
  const proof = { relay: relay.peerId, peer: ada.peer, challenge: old, ticket }
  const replayed = new Visitor(relay)
  await replayed.challenge()
  replayed.send(await joinProof.seal(proof, ada.signer))
  expect(await replayed.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  const misled = new Visitor(relay)
  const challenge = await misled.challenge()
  misled.send(await joinProof.seal({ ...proof, challenge, relay: bob.peer }, ada.signer))
  expect(await misled.closed).toBe(RENDEZVOUS_REFUSED_CODE)
})

test.for([
  { what: 'noise', data: systemRandom.bytes(300) },
  { what: 'text', data: 'hello' },
  { what: 'more than a proof', data: new Uint8Array(60_000) },
])('$what instead of a proof is refused', async ({ data }) => {
  const relay = await startRelay()
  const visitor = new Visitor(relay)
  await visitor.challenge()
  visitor.send(data)
  expect(await visitor.closed).toBe(RENDEZVOUS_REFUSED_CODE)
  expect(await refused(relay, 'rendezvous-malformed')).toBe(1)
})

test('who proves nothing is cut, and takes no more places than an address has', async () => {
  const relay = await startRelay([], { handshakeTimeoutMs: 500 })
  const silent = Array.from({ length: MAX_RENDEZVOUS_UNPROVEN_PER_ADDRESS - 1 }, () => {
    return new Visitor(relay)
  })
  await Promise.all(silent.map((each) => each.challenge()))
  const over = [new Visitor(relay), new Visitor(relay)]
  const codes = await Promise.all(over.map(({ closed }) => closed))
  expect(codes.toSorted()).toEqual([1_006, RENDEZVOUS_FULL_CODE])
  await Promise.all(silent.map(({ closed }) => closed))
  expect(await refused(relay, 'handshake-timeout')).toBe(MAX_RENDEZVOUS_UNPROVEN_PER_ADDRESS)
})

test('one network takes so many seats, whatever keys it makes, and others still find theirs', async () => {
  const relay = await startRelay(['--trust-proxy', 'loopback'], { clock: new ManualClock() })
  const bob = await somebody()
  const from = async (network: string, host: number): Promise<Visitor> => {
    const who = await somebody()
    const headers = { 'X-Forwarded-For': `${network}::${host}` }
    return await come(relay, who, await ticketFor(relay, who, bob), { headers })
  }
  const crowd: Visitor[] = []
  while (crowd.length < MAX_RENDEZVOUS_SEATS_PER_ADDRESS) {
    crowd.push(await from('2001:db8:1:2', crowd.length))
    await expect.poll(() => seats(relay)).toBe(crowd.length)
  }
  const late = await from('2001:db8:1:2', crowd.length)
  expect(await late.closed).toBe(RENDEZVOUS_FULL_CODE)
  expect(await refused(relay, 'rendezvous-seats')).toBe(1)
  await from('2001:db8:1:3', 1)
  await expect.poll(() => seats(relay)).toBe(crowd.length + 1)
})

test('who waits says nothing', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await somebody(), await somebody()]
  const visitor = await come(relay, ada, await ticketFor(relay, ada, bob))
  visitor.send(Buffer.from('is anybody there?'))
  expect(await visitor.closed).toBe(1_006)
})

/** The relay asks both for a sign of life three times, and both say something after each. */
async function beats(clock: ManualClock, a: Visitor, b: Visitor): Promise<void> {
  for (let beat = 1; beat <= 3; beat += 1) {
    const pinged = Promise.all([a.pinged(), b.pinged()])
    clock.advance(RENDEZVOUS_PING_MS)
    await pinged
    // What is said after an answer arrives after it, where it is answered.
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.send(Buffer.from(`beat ${beat}`))
      expect(String(await to.hear())).toBe(`beat ${beat}`)
    }
  }
}

test('who answers no ping is cut, and whom they were joined with; who does is not', async () => {
  const clock = new ManualClock()
  const relay = await startRelay([], { clock })
  const [ada, bob] = [await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const [a, b] = [await come(relay, ada, ticket), await come(relay, bob, ticket)]
  await Promise.all([a.word(), b.word()])
  await beats(clock, a, b)
  b.fallSilent()
  const pinged = a.pinged()
  clock.advance(RENDEZVOUS_PING_MS)
  await pinged
  expect(await seats(relay)).toBe(2)
  clock.advance(RENDEZVOUS_PING_MS)
  expect(await a.closed).toBe(1_006)
  b.readAgain()
  expect(await b.closed).toBe(1_006)
})

test('who cannot answer a ping yet, and says something meanwhile, is not cut', async () => {
  const clock = new ManualClock()
  const relay = await startRelay([], { clock })
  const [ada, bob] = [await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const [a, b] = [
    await come(relay, ada, ticket),
    await come(relay, bob, ticket, { autoPong: false }),
  ]
  await Promise.all([a.word(), b.word()])
  await beats(clock, a, b)
  expect(await seats(relay)).toBe(2)
})

test('what two carry has an end, as a circuit has', async () => {
  const relay = await startRelay([], { circuitBytes: 1_000n })
  const [ada, bob] = [await somebody(), await somebody()]
  const ticket = await ticketFor(relay, ada, bob)
  const [a, b] = [await come(relay, ada, ticket), await come(relay, bob, ticket)]
  await Promise.all([a.word(), b.word()])
  a.send(Buffer.alloc(1_000))
  await b.hear()
  a.send(Buffer.alloc(1))
  expect(await Promise.all([a.closed, b.closed])).toEqual([1_000, 1_000])
})
