import type { KadDHT } from '@libp2p/kad-dht'
import { Libp2pRecord } from '@libp2p/record'
import { sealPeerRecord } from '#lib/protocol/peer-record.ts'
import * as mailbox from '#lib/protocol/mailbox.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { findCodec, sealSignpost } from '#lib/protocol/signpost.ts'
import { receivedAt, recordLife } from '#relay/dht/record-life.ts'
import { Mailboxes } from '#relay/mailbox/mailboxes.ts'
import { isPublic, isPushEndpoint } from '#relay/mailbox/push-addresses.ts'
import { Signposts } from '#relay/mailbox/signposts.ts'
import { operatorOf, userAgent } from '#relay/user-agent.ts'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { MemoryMailboxStore } from '../../fixtures/memory-mailbox-store.ts'
import { signerOf } from '../../fixtures/signers.ts'
import type { Dice } from '../dice.ts'
import { bytesLike, bytesTarget, sealed, textTarget, type Target } from '../target.ts'
import { treeOf } from '../cbor.ts'
import { NOW } from './protocol.ts'

const SECOND = NOW / 1000
const QUOTA = 1024 * 1024

const clock: Clock = { now: () => NOW, after: () => () => undefined }

const filled = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value)

export async function relayTargets(): Promise<Target[]> {
  const me = await signerOf(1)
  const expiresAtMs = NOW + 60_000
  const record = await sealPeerRecord({ peer: me.peer, relays: [], sequence: NOW, expiresAtMs }, me)
  const signpost = await sealSignpost(
    { mailbox: me.publicKey, sealed: filled(99, 3), sequence: NOW, expiresAtMs },
    me,
  )
  const stored = [record, signpost].map((value) =>
    Uint8Array.from(new Libp2pRecord(filled(20, 1), value, new Date(NOW)).serialize()),
  )
  return [
    ...(await requestTargets()),
    bytesTarget('value in the DHT', [], stored, (input) => {
      const { signpostSequence } = recordLife(input)
      if (signpostSequence !== null) receivedAt(input, NOW)
    }),
    textTarget(
      'push endpoint',
      [],
      ['https://push.example/abc', 'https://[2606:4700::1]/', 'https://1.1.1.1/x'],
      (input) => {
        isPushEndpoint(input)
        isPublic(input)
      },
    ),
    textTarget('user agent', [], [userAgent('Some one'), userAgent(null)], (input) =>
      operatorOf(input),
    ),
  ]
}

/** Requests as they come to a relay: by owners, by who has a pass, by who shows work, by nobody. */
async function requestTargets(): Promise<Target[]> {
  const relay = await signerOf(2)
  const owner = await signerOf(3)
  const box = owner.publicKey
  const item = filled(200, 5)
  const store = new MemoryMailboxStore(filled(16, 1), {
    mailbox: QUOTA,
    sender: QUOTA,
    strangers: QUOTA,
    relay: QUOTA,
  })
  const mailboxes = new Mailboxes(
    { store, signer: relay, clock, log: silentLogger, wakeUps: null, onPut: () => undefined },
    { store: store.id, workBits: 0 },
  )
  const dht = {
    async *put() {
      await Promise.resolve()
      yield* []
    },
    async *get() {
      await Promise.resolve()
      yield { name: 'VALUE', value: signpost }
    },
  } as unknown as KadDHT
  // For each request anew: how often one address may ask is no question of bytes.
  const signposts = (): Signposts =>
    new Signposts({ dht: () => dht, store, clock, log: silentLogger })
  const signpost = await sealSignpost(
    { mailbox: box, sealed: filled(99, 3), sequence: NOW, expiresAtMs: NOW + 60_000 },
    owner,
  )
  await store.publish(box, { second: SECOND, bundle: item, oneTime: [], expiresAtMs: NOW + 60_000 })
  const pass = await mailbox.passes.seal(
    [box, filled(16, 1), relay.publicKey, SECOND + 9_999],
    owner,
  )
  const proof = await mailbox.prove(box, mailbox.itemId(item), relay)
  const prekeys = mailbox.prekeysCodec.encode({ bundle: item, oneTime: [item] })
  const request = (operation: mailbox.MailboxOperation): Promise<Uint8Array> =>
    mailbox.ownerRequests.seal([relay.publicKey, box, operation, SECOND], owner)
  const publish = await request({ type: 'publish', hash: mailbox.itemId(prekeys) })
  const requests = {
    put: [
      mailbox.putCodec.encode([{ type: 'pass', pass, proof }, box, item]),
      mailbox.putCodec.encode([{ type: 'work', nonce: filled(8, 0) }, box, item]),
    ],
    take: [mailbox.takeCodec.encode([{ type: 'work', nonce: filled(8, 0) }, box, SECOND])],
    publish: [mailbox.publishCodec.encode([publish, prekeys])],
    list: [await request({ type: 'list', after: 0 })],
    fetch: [await request({ type: 'fetch', numbers: [1, 2] })],
    remove: [await request({ type: 'remove', numbers: [1] })],
    wake: [await request({ type: 'wake', endpoint: 'https://push.example/a' })],
    point: [signpost],
    find: [findCodec.encode([box])],
  }
  type Call = keyof typeof requests
  const calls = Object.keys(requests) as Call[]
  const owned: readonly Call[] = ['list', 'fetch', 'remove', 'wake']
  const makers = Object.fromEntries(calls.map((call) => [call, bytesLike(requests[call])]))
  const bodies = bytesLike(owned.map((call) => treeOf(requests[call][0]!)!.children[0]!.raw))
  const by = { context: 'starling-mailbox-request-1', signer: owner }
  return [
    {
      name: 'request to a relay',
      decoders: [],
      keys: true,
      make: async (dice: Dice) => {
        const call = dice.pick(calls)
        const isOwners = owned.includes(call) && dice.once(2)
        return { call, body: isOwners ? await sealed(by, bodies(dice)) : makers[call]!(dice) }
      },
      take: ({ call, body }: { call: Call; body: Uint8Array }) => {
        if (call === 'point' || call === 'find') return signposts()[call](body, 'somebody')
        return call === 'put' || call === 'publish'
          ? mailboxes[call](body, 'somebody')
          : mailboxes[call](body)
      },
    },
  ]
}
