import { encode } from '@ipld/dag-cbor'
import { sealBundle } from '#lib/crypto/prekey-bundle.ts'
import { give, NO_PREKEYS, refresh } from '#lib/crypto/prekeys.ts'
import type { NoteNumber } from '#lib/db/schema.ts'
import { decodeContent, encodeContent } from '#lib/delivery/content.ts'
import { Devices } from '#lib/delivery/devices.ts'
import {
  carrying,
  decodeEnvelope,
  encodeEnvelope,
  idOf,
  messageId,
  saidIn,
} from '#lib/delivery/envelope.ts'
import { frameCodec, type Frame } from '#lib/delivery/frames.ts'
import { keysCodec } from '#lib/delivery/keys.ts'
import { RelayMailboxes } from '#lib/delivery/mailbox/relay-mailboxes.ts'
import { HttpMailboxTransport } from '#lib/delivery/mailbox/transport.ts'
import { RatchetSealer } from '#lib/delivery/ratchet-sealer.ts'
import { chainIdOf } from '#lib/protocol/ids.ts'
import * as mailbox from '#lib/protocol/mailbox.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'
import type { Dice } from '../dice.ts'
import { personOf } from '../people.ts'
import {
  bytesLike,
  bytesTarget,
  codecTarget,
  requireSame,
  signedTarget,
  type Target,
} from '../target.ts'
import { NOW } from './protocol.ts'

const FOLDER = 'src/lib/delivery/'
const SECOND = NOW / 1000

/** Stands still: no input may wait. */
const clock: Clock = { now: () => NOW, after: () => () => undefined }
const dull: Random = { bytes: (count) => new Uint8Array(count).fill(7), fraction: () => 0.5 }

const filled = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value)

export async function deliveryTargets(): Promise<Target[]> {
  const anna = await signerOf(1)
  const ben = await signerOf(2)
  const chat = frozenBytes('chat-2.0.0')
  const envelope = chat['envelope']!
  const carried = encodeEnvelope({ ...decodeEnvelope(envelope), payload: { envelope }, clock: 99 })
  const chain = chainIdOf(filled(16, 1))
  const place = {
    relays: [{ key: ben.publicKey, address: 'relay.example' }],
    passes: [filled(90, 1)],
  }
  const notes = [
    {
      type: 'status' as const,
      yours: { chain, received: 3, read: 2 },
      want: { first: 4, last: 5 },
      lost: true,
      place,
    },
    {
      ...{ type: 'status' as const, yours: null, want: null, lost: false, place },
      ...{ number: [NOW, 7] as NoteNumber, anew: [0, 2] as NoteNumber },
    },
    { type: 'hello' as const, hello: frozenBytes('contacts-1.0.0')['hello']!, place },
  ].map((note) => encodeContent({ type: 'note', note }))
  const frames: Frame[] = [
    { type: 'place', place },
    { type: 'device', announcement: filled(120, 1) },
  ]
  const frameVectors = [
    'hello',
    'greeting',
    'message',
    'ack',
    'read',
    'want',
    'ask',
    'keys',
    'typing',
  ]
  const noteBodies = bytesLike(notes.map((note) => note.subarray(1)))
  const contents = bytesLike([...notes, encodeContent({ type: 'message', envelope })])
  return [
    bytesTarget(
      'envelope',
      [`${FOLDER}envelope.ts#wire`, `${FOLDER}envelope.ts#decodeEnvelope`],
      [envelope, chat['first']!, chat['erased']!, carried],
      (input) => {
        const decoded = decodeEnvelope(input)
        requireSame(encodeEnvelope(decoded), input)
        saidIn(anna.peer, ben.peer, idOf(anna.peer, ben.peer, input, decoded), decoded)
        carrying(input)
        messageId(anna.peer, ben.peer, input)
      },
    ),
    {
      name: 'content',
      decoders: [`${FOLDER}content.ts#noteCodec`, `${FOLDER}content.ts#decodeContent`],
      make: (dice) => (dice.once(4) ? contents(dice) : noted(noteBodies(dice))),
      take: (input: Uint8Array) => {
        requireSame(encodeContent(decodeContent(input)), input)
      },
    },
    codecTarget('chat frame', `${FOLDER}frames.ts#frameCodec`, frameCodec, [
      ...frameVectors.map((name) => chat[name]!),
      ...frames.map((frame) => frameCodec.encode(frame)),
    ]),
    ...(await keyTargets()),
    ...(await deviceTargets()),
    ...(await answerTargets()),
  ]
}

function noted(note: Uint8Array): Uint8Array {
  return Uint8Array.of(1, ...note)
}

async function keyTargets(): Promise<Target[]> {
  const random = seededRandom(10)
  const { identity: anna } = await personOf(1)
  const { identity: boris, bundleSigner } = await personOf(2)
  const owner = { peer: boris.peer, mlDsaKey: boris.mlDsaKey() }
  const { bundle, oneTime } = give(refresh(NO_PREKEYS, NOW, random), owner, 1, NOW, random)
  const bundleBytes = await sealBundle(bundle, bundleSigner)
  const samples = [
    keysCodec.encode([bundleBytes, oneTime[0]!]),
    keysCodec.encode([bundleBytes, null]),
  ]
  const nothing = {
    prekeys: () => Promise.resolve(NO_PREKEYS),
    change: () => Promise.reject(new Error('not asked')),
  }
  const sealer = new RatchetSealer({
    identity: anna,
    sessions: { sessions: () => Promise.resolve(null) },
    prekeys: nothing,
    keyCommitmentOf: () => boris.keyCommitment,
    clock,
    random: dull,
  })
  return [
    codecTarget('keys', `${FOLDER}keys.ts#keysCodec`, keysCodec, samples),
    {
      name: 'keys given',
      decoders: [],
      keys: true,
      make: bytesLike(samples),
      take: (input: Uint8Array) => sealer.begin(boris.peer, input),
    },
  ]
}

async function deviceTargets(): Promise<Target[]> {
  const { identity: anna } = await personOf(1)
  const ben = await signerOf(2)
  const mine = {
    key: 'me' as const,
    id: Uint8Array.from(filled(16, 1)),
    generation: 1,
    sinceMs: 0,
    replacedAtMs: null,
  }
  const devices = new Devices(
    {
      identity: anna,
      store: {
        mine: () => Promise.resolve(mine),
        replaced: () => Promise.resolve(),
        theirs: () => Promise.resolve(null),
        putTheirs: () => Promise.resolve(),
      },
      clock,
    },
    { onReplaced: () => undefined },
  )
  const body = encode([ben.publicKey, filled(16, 2), 7])
  const announcement = Uint8Array.from(encode([body, await ben.sign('starling-device-1', body)]))
  return [
    signedTarget(
      'device announcement',
      [`${FOLDER}devices.ts#announcements`],
      { context: 'starling-device-1', signer: ben },
      [announcement, await devices.announcement()],
      (input) => devices.hear(ben.peer, input),
    ),
  ]
}

/** What a relay answers, true or not. */
async function answerTargets(): Promise<Target[]> {
  const relay = await signerOf(2)
  const owner = await signerOf(3)
  const box = owner.publicKey
  const item = filled(300, 5)
  const id = mailbox.itemId(item)
  const info = mailbox.infoCodec.encode({
    ...{ relay: relay.publicKey, second: SECOND, store: filled(16, 1), workBits: 0, wakeKey: null },
  })
  const entries = [{ number: 7, id, byteLength: 300, sender: null }]
  const answers = {
    put: await mailbox.receipts.seal([relay.publicKey, box, id, SECOND, SECOND + 9], relay),
    take: mailbox.takenCodec.encode([item, item]),
    list: mailbox.pageCodec.encode({ entries, oneTimeLeft: 2 }),
    fetch: mailbox.itemsCodec.encode([[7, item]]),
    info,
  }
  const calls = Object.keys(answers) as (keyof typeof answers)[]
  const makers = Object.fromEntries(calls.map((call) => [call, bytesLike([answers[call]])]))
  const { signal } = new AbortController()
  const grant: mailbox.Grant = [filled(90, 1), filled(32, 1)]

  const ask = async ({
    call,
    answer,
  }: {
    call: keyof typeof answers
    answer: Uint8Array<ArrayBuffer>
  }): Promise<unknown> => {
    const mailboxes = new RelayMailboxes(
      {
        transport: { call: (_origin, asked) => Promise.resolve(asked === call ? answer : info) },
        clock,
      },
      { origins: ['https://relay.example'], key: relay.publicKey },
    )
    switch (call) {
      case 'put':
        return mailboxes.put(box, grant, item, signal)
      case 'take':
        return mailboxes.take(box, signal)
      case 'list':
        return mailboxes.list(owner, 0, signal)
      case 'fetch':
        return mailboxes.fetch(owner, entries, signal)
      case 'info':
        return mailboxes.info(signal)
    }
  }
  const refusal = mailbox.refusalCodec.encode({ reason: 'full', quota: 'sender' })
  const refusals = bytesLike([refusal])
  return [
    {
      name: 'answer of a relay',
      decoders: [],
      keys: true,
      make: (dice: Dice) => {
        const call = dice.pick(calls)
        return { call, answer: makers[call]!(dice) }
      },
      take: ask,
    },
    {
      name: 'answer over HTTP',
      decoders: [],
      make: (dice: Dice) => ({
        status: dice.pick([200, 204, 400, 403, 500, 599]),
        body: refusals(dice),
      }),
      take: ({ status, body }: { status: number; body: Uint8Array<ArrayBuffer> }) => {
        const response = new Response(status === 204 ? null : body, { status })
        const transport = new HttpMailboxTransport({
          fetch: () => Promise.resolve(response),
          clock,
        })
        return transport.call('https://relay.example', 'list', null, 400, signal)
      },
    },
  ]
}
