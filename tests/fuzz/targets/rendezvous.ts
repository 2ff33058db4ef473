import { multiaddr } from '@multiformats/multiaddr'
import { createOpeningKeys, openAsRelay, sealForRelay } from '#lib/crypto/relay-seal.ts'
import * as assist from '#lib/protocol/assist.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { relayPrekeys } from '#lib/protocol/relay-prekeys.ts'
import {
  decodeRendezvousAddress,
  metAddress,
  rendezvousAddress,
} from '#lib/protocol/rendezvous/addresses.ts'
import { joinProof, rendezvousWord } from '#lib/protocol/rendezvous/join.ts'
import { readTicket, splitTicket, ticketBody } from '#lib/protocol/rendezvous/ticket.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { AskedBy } from '#relay/assist/asked.ts'
import { Tickets } from '#relay/rendezvous/tickets.ts'
import { MAX_ADDRESS_CHARS } from '../../../src/lib/p2p/addresses.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { bytesTarget, codecTarget, signedTarget, type Target, textTarget } from '../target.ts'
import { NOW } from './protocol.ts'

const FOLDER = 'src/lib/protocol'
const TICKET = `${FOLDER}/rendezvous/ticket.ts`
const JOIN = `${FOLDER}/rendezvous/join.ts`
const SEAL = 'src/lib/crypto/relay-seal.ts'
const ASSIST = `${FOLDER}/assist.ts`

const filled = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value)

/** What peers and relays say to each other so that two are joined. */
export async function rendezvousTargets(): Promise<Target[]> {
  const me = await signerOf(1)
  const relay = await signerOf(2)
  const clock = { now: () => NOW }
  const random = seededRandom(11)
  const tickets = new Tickets({ clock, random })
  const ticket = tickets.issue(me.peer, relay.peer)
  const named = { relay: relay.peer, from: me.peer, to: relay.peer }
  const address = `/dns4/relay.example/tcp/443/tls/ws/p2p/${relay.peer}`
  const prekeys = await relayPrekeys.seal(
    { relay: relay.peer, prekey: filled(32, 1), kemPrekey: filled(1_184, 2), expiresAtMs: NOW },
    relay,
  )
  const keys = createOpeningKeys(random)
  const greeting = assist.assistGreeting.encode({ relay: relay.peer, nowMs: NOW, prekeys })
  const request = await assist.assistRequest.seal({ ...named, atMs: NOW, nonce: filled(16, 3) }, me)
  const answer = await assist.assistAnswer.seal(
    {
      relay: relay.peer,
      nonce: filled(16, 3),
      relays: [{ peer: relay.peer, why: 'asked', addresses: [address, address] }],
      ice: {
        servers: [{ scheme: 'turns', host: 'relay.example', port: 443, transport: 'tcp' }],
        username: '1:abc',
        password: 'secret',
        lifeMs: 60_000,
      },
      transports: [
        { transport: 'websocket', perMille: 900, roundTripMs: 31 },
        { transport: 'http', perMille: 100, roundTripMs: null },
      ],
      fec: 'none',
      prekeys,
      ticket,
      invited: true,
      refused: [{ reason: 'slow-reader', times: 3 }],
    },
    relay,
  )
  const proof = await joinProof.seal(
    { relay: relay.peer, peer: me.peer, challenge: filled(32, 4), ticket },
    me,
  )
  return [
    bytesTarget(
      'ticket for a rendezvous',
      [`${TICKET}#readTicket`],
      [ticket, splitTicket(ticket).body],
      (input) => {
        readTicket(input)
        tickets.redeem(input)
      },
    ),
    codecTarget('body of a ticket', `${TICKET}#ticketBody`, ticketBody, [splitTicket(ticket).body]),
    codecTarget('word of a rendezvous', `${JOIN}#rendezvousWord`, rendezvousWord, [
      rendezvousWord.encode({
        type: 'challenge',
        relay: relay.peer,
        challenge: filled(32, 4),
      }),
      rendezvousWord.encode({ type: 'joined' }),
    ]),
    signedTarget(
      'proof at a rendezvous',
      [`${JOIN}#joinProof`],
      { context: 'starling-rendezvous-join', signer: me },
      [proof],
      (input) => joinProof.open(input),
    ),
    codecTarget('greeting of assistance', `${ASSIST}#assistGreeting`, assist.assistGreeting, [
      greeting,
    ]),
    signedTarget(
      'request for assistance',
      [`${ASSIST}#assistRequest`],
      { context: 'starling-assist-request', signer: me },
      [request],
      (input) => {
        const opened = { request: input, sealAnswer: (bytes: Uint8Array) => bytes }
        return new AskedBy({ self: relay.peer, clock, prekeys: { open: () => opened } }).open(input)
      },
    ),
    signedTarget(
      'answer with assistance',
      [`${ASSIST}#assistAnswer`],
      { context: 'starling-assist-answer', signer: relay },
      [answer],
      (input) => assist.assistAnswer.open(input),
    ),
    bytesTarget(
      'sealed request for assistance',
      [`${SEAL}#sealedCodec`, `${SEAL}#openAsRelay`],
      [sealForRelay(keys.published, request, random).sealed],
      (input) => openAsRelay(keys, input),
      { keys: true },
    ),
    codecTarget('refusal of assistance', `${ASSIST}#assistRefusal`, assist.assistRefusal, [
      assist.assistRefusal.encode({ reason: 'busy' }),
    ]),
    signedTarget(
      'prekeys of a relay',
      [`${FOLDER}/relay-prekeys.ts#relayPrekeys`],
      { context: 'starling-relay-prekeys', signer: relay },
      [prekeys],
      (input) => relayPrekeys.open(input),
    ),
    textTarget(
      'address of a rendezvous',
      [`${FOLDER}/rendezvous/addresses.ts#decodeRendezvousAddress`],
      [rendezvousAddress(multiaddr(address), relay.peer, me.peer)!.toString(), address],
      (input) => {
        const parsed = parsedAddress(input)
        const target = decodeRendezvousAddress(parsed)
        if (target !== null) metAddress(parsed)
        rendezvousAddress(parsed, relay.peer, me.peer)
      },
    ),
  ]
}

/** What is no multiaddr at all is told so by the library, with errors of its own. */
function parsedAddress(text: string): ReturnType<typeof multiaddr> {
  // Nobody reads a longer one.
  if (text.length > MAX_ADDRESS_CHARS) throw new InvalidDataError('too long')
  try {
    return multiaddr(text)
  } catch (cause) {
    throw new InvalidDataError('not a multiaddr', { cause })
  }
}
