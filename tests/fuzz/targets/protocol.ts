import { copiesRequest, copiesResponse } from '#lib/protocol/copies.ts'
import { directoryRequest, directoryResponse } from '#lib/protocol/directory.ts'
import { parseChainId, parseMessageId, parsePeerId, publicKeyOf } from '#lib/protocol/ids.ts'
import * as mailbox from '#lib/protocol/mailbox.ts'
import { cleanName, isValidName, shortenName } from '#lib/protocol/names.ts'
import {
  openPeerRecord,
  peerRecordKey,
  sealPeerRecord,
  selectPeerRecord,
  validatePeerRecord,
} from '#lib/protocol/peer-record.ts'
import {
  openProviderRecord,
  PROVIDER_LIFE_MS,
  providersRequest,
  providersResponse,
  sealProviderRecord,
} from '#lib/protocol/providers.ts'
import { openKeptRecord, openRevocation, sealRevocation } from '#lib/protocol/revocation.ts'
import { relayStatusRequest, relayStatusResponse } from '#lib/protocol/relay-status.ts'
import { iceRequest, iceResponse } from '#lib/protocol/ice.ts'
import { nearbyRequest, nearbyResponse } from '#lib/protocol/nearby.ts'
import { openRelayList, RELAY_LIST_CONTEXT, sealRelayList } from '#lib/protocol/relay-list.ts'
import { placeSchema } from '#lib/protocol/place.ts'
import { check } from '#lib/protocol/check.ts'
import { findCodec, openSignpost, sealSignpost, signpostRelays } from '#lib/protocol/signpost.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'
import { codecTarget, signedTarget, textTarget, valueTarget, type Target } from '../target.ts'

export const NOW = Date.UTC(2026, 0, 1)

const SECOND = NOW / 1000
const FOLDER = 'src/lib/protocol/'
const SIGNPOST = `${FOLDER}signpost.ts`

const filled = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value)

export async function protocolTargets(): Promise<Target[]> {
  const me = await signerOf(1)
  const relay = await signerOf(2)
  const network = frozenBytes('network-1.0.0')
  const address = `/dns4/relay.example/tcp/443/tls/ws/p2p/${relay.peer}`
  const record = await sealPeerRecord(
    { peer: me.peer, relays: [address, address], sequence: NOW, expiresAtMs: NOW + 60_000 },
    me,
  )
  const list = await sealRelayList(
    {
      issuer: relay.peer,
      issuedAtMs: NOW,
      expiresAtMs: NOW + 60_000,
      relays: [
        { peer: me.peer, addresses: [address], operator: 'Some one', lastSeenWorkingAtMs: NOW },
        { peer: relay.peer, addresses: [address, address], lastSeenWorkingAtMs: NOW },
      ],
    },
    relay,
  )
  const validate = validatePeerRecord({ now: () => NOW })
  const key = peerRecordKey(me.peer)
  return [
    signedTarget(
      'peer record',
      [`${FOLDER}peer-record.ts#records`, `${FOLDER}peer-record.ts#openPeerRecord`],
      { context: 'starling-peer-record', signer: me },
      [record, network['peerRecord']!],
      async (input) => {
        selectPeerRecord(key, [input, record, input])
        await openPeerRecord(input, NOW)
        await validate(key, input)
      },
    ),
    signedTarget(
      'relay list',
      [`${FOLDER}relay-list.ts#lists`, `${FOLDER}relay-list.ts#openRelayList`],
      { context: RELAY_LIST_CONTEXT, signer: relay },
      [list, network['relayList']!],
      (input) => openRelayList(input, NOW),
    ),
    ...(await providerTargets()),
    codecTarget('directory request', `${FOLDER}directory.ts#directoryRequest`, directoryRequest, [
      network['publish']!,
      network['lookup']!,
      network['askRelays']!,
    ]),
    codecTarget(
      'directory response',
      `${FOLDER}directory.ts#directoryResponse`,
      directoryResponse,
      ['stored', 'found', 'unknown', 'relays', 'refused'].map((name) => network[name]!),
    ),
    textTarget(
      'ids',
      ['parsePeerId', 'parseMessageId', 'parseChainId'].map((name) => `${FOLDER}ids.ts#${name}`),
      [me.peer, Buffer.from(filled(32, 7)).toString('base64url'), 'AQEBAQEBAQEBAQEBAQEBAQ'],
      (input) => {
        if (input.length === 52) publicKeyOf(parsePeerId(input))
        else if (input.length === 43) parseMessageId(input)
        else parseChainId(input)
      },
    ),
    textTarget('name', [], ['Анна', 'Zoë O’Neill', '👩‍👩‍👧‍👦 family', 'שלום'], (input) => {
      // As long as a card or an interface lets it be.
      const name = shortenName(cleanName(input.slice(0, 400)))
      if (name !== '' && (!isValidName(name) || cleanName(name) !== name)) {
        throw new Error('no name comes out')
      }
    }),
    codecTarget('ice request', `${FOLDER}ice.ts#iceRequest`, iceRequest, [
      iceRequest.encode({ type: 'servers' }),
    ]),
    codecTarget('ice response', `${FOLDER}ice.ts#iceResponse`, iceResponse, [
      iceResponse.encode({
        type: 'servers',
        servers: [
          { scheme: 'stun', host: null, port: 3478, transport: 'udp' },
          { scheme: 'turns', host: 'turn.example', port: 443, transport: 'tcp' },
        ],
        username: '1700000000:00112233445566778899aabb',
        password: 'c2VjcmV0c2VjcmV0c2VjcmV0cw==',
        lifeMs: 7_200_000,
      }),
      iceResponse.encode({ type: 'refused', reason: 'busy' }),
    ]),
    codecTarget('nearby request', `${FOLDER}nearby.ts#nearbyRequest`, nearbyRequest, [
      nearbyRequest.encode({ type: 'show', card: filled(297, 7) }),
      nearbyRequest.encode({ type: 'hide' }),
    ]),
    codecTarget('nearby response', `${FOLDER}nearby.ts#nearbyResponse`, nearbyResponse, [
      nearbyResponse.encode({
        type: 'people',
        people: [{ peer: (await signerOf(4)).peer, card: filled(297, 7) }],
      }),
      nearbyResponse.encode({ type: 'refused', reason: 'crowded' }),
    ]),
    ...(await mailboxTargets()),
  ]
}

async function mailboxTargets(): Promise<Target[]> {
  const owner = await signerOf(3)
  const relay = await signerOf(2)
  const of = (name: string): string => `${FOLDER}mailbox.ts#${name}`
  const box = owner.publicKey
  const item = filled(400, 5)
  const hash = mailbox.itemId(item)
  const pass = await mailbox.passes.seal(
    [box, filled(16, 1), relay.publicKey, SECOND + 9_999],
    owner,
  )
  const request = (operation: mailbox.MailboxOperation): Promise<Uint8Array> =>
    mailbox.ownerRequests.seal([relay.publicKey, box, operation, SECOND], owner)
  const requests = await Promise.all([
    request({ type: 'list', after: 3 }),
    request({ type: 'fetch', numbers: [1, 2, 3] }),
    request({ type: 'remove', numbers: [1] }),
    request({ type: 'publish', hash }),
    request({ type: 'wake', endpoint: 'https://push.example/abc' }),
    request({ type: 'wake', endpoint: null }),
  ])
  const receipt = [relay.publicKey, box, hash, SECOND, SECOND + 99] as const
  const byPass: mailbox.Right = { type: 'pass', pass, proof: filled(64, 1) }
  const byWork: mailbox.Right = { type: 'work', nonce: filled(8, 0) }
  const prekeys = mailbox.prekeysCodec.encode({ bundle: item, oneTime: [item, item] })
  const sender: [Uint8Array, Uint8Array] = [filled(16, 1), filled(64, 1)]
  const entry = { number: 7, id: hash, byteLength: 400, sender }
  const place = {
    relays: [{ key: relay.publicKey, address: 'relay.example' }],
    passes: [[pass, filled(32, 1)], pass],
  }
  return [
    signedTarget(
      'mailbox pass',
      [of('passes')],
      { context: 'starling-mailbox-pass-2', signer: owner },
      [pass],
      (input) => mailbox.passes.open(input),
    ),
    signedTarget(
      'mailbox request',
      [of('ownerRequests')],
      { context: 'starling-mailbox-request-1', signer: owner },
      requests,
      (input) => mailbox.ownerRequests.open(input),
    ),
    signedTarget(
      'mailbox receipt',
      [of('receipts')],
      { context: 'starling-mailbox-receipt-1', signer: relay },
      [await mailbox.receipts.seal([...receipt], relay)],
      (input) => mailbox.receipts.open(input),
    ),
    signedTarget(
      'signpost',
      [`${SIGNPOST}#openSignpost`, `${SIGNPOST}#signposts`],
      { context: 'starling-signpost-1', signer: owner },
      [
        await sealSignpost(
          {
            mailbox: box,
            sealed: item,
            sequence: SECOND * 1000,
            expiresAtMs: SECOND * 1000 + 9_999,
          },
          owner,
        ),
      ],
      (input) => openSignpost(input, SECOND * 1000),
    ),
    codecTarget('relays of a signpost', `${SIGNPOST}#signpostRelays`, signpostRelays, [
      signpostRelays.encode(['relay.example', 'other.example']),
    ]),
    codecTarget('looking for a signpost', `${SIGNPOST}#findCodec`, findCodec, [
      findCodec.encode([box]),
    ]),
    codecTarget('mailbox put', of('putCodec'), mailbox.putCodec, [
      mailbox.putCodec.encode([byPass, box, item]),
      mailbox.putCodec.encode([byWork, box, item]),
    ]),
    codecTarget('mailbox take', of('takeCodec'), mailbox.takeCodec, [
      mailbox.takeCodec.encode([byPass, box, SECOND]),
      mailbox.takeCodec.encode([byWork, box, SECOND]),
    ]),
    codecTarget('mailbox prekeys', of('prekeysCodec'), mailbox.prekeysCodec, [prekeys]),
    codecTarget('mailbox publish', of('publishCodec'), mailbox.publishCodec, [
      mailbox.publishCodec.encode([requests[3], prekeys]),
    ]),
    codecTarget('mailbox taken', of('takenCodec'), mailbox.takenCodec, [
      mailbox.takenCodec.encode([item, item]),
      mailbox.takenCodec.encode([item, null]),
    ]),
    codecTarget('mailbox info', of('infoCodec'), mailbox.infoCodec, [
      mailbox.infoCodec.encode({
        ...{ relay: relay.publicKey, second: SECOND, store: filled(16, 2) },
        ...{ workBits: 18, wakeKey: filled(65, 4) },
      }),
    ]),
    codecTarget('mailbox page', of('pageCodec'), mailbox.pageCodec, [
      mailbox.pageCodec.encode({ entries: [entry, { ...entry, sender: null }], oneTimeLeft: 3 }),
      mailbox.pageCodec.encode({ entries: [], oneTimeLeft: null }),
    ]),
    codecTarget('mailbox items', of('itemsCodec'), mailbox.itemsCodec, [
      mailbox.itemsCodec.encode([
        [1, item],
        [2, item],
      ]),
    ]),
    codecTarget('mailbox refusal', of('refusalCodec'), mailbox.refusalCodec, [
      mailbox.refusalCodec.encode({ reason: 'full', quota: 'sender' }),
      mailbox.refusalCodec.encode({ reason: 'failed', quota: null }),
    ]),
    valueTarget('place', [], [place, { relays: [], passes: [] }], (input) =>
      check(placeSchema, input),
    ),
  ]
}

/** Who has a content, and copies of it at relays. */
async function providerTargets(): Promise<Target[]> {
  const me = await signerOf(1)
  const of = (name: string): string => `${FOLDER}providers.ts#${name}`
  const key = filled(32, 4)
  const record = await sealProviderRecord(
    {
      key,
      peer: me.peer,
      relays: ['relay.example:4001', '[::1]'],
      madeAtMs: NOW,
      expiresAtMs: NOW + PROVIDER_LIFE_MS,
    },
    me,
  )
  const revocation = await sealRevocation(
    { subject: key, peer: me.peer, madeAtMs: NOW, expiresAtMs: NOW + PROVIDER_LIFE_MS },
    me,
  )
  const ofRevocation = (name: string): string => `${FOLDER}revocation.ts#${name}`
  return [
    signedTarget(
      'revocation',
      [ofRevocation('revocations'), ofRevocation('openRevocation')],
      { context: 'starling-revocation-1', signer: me },
      [revocation],
      (input) => openRevocation(input, NOW),
    ),
    signedTarget(
      'record at a relay',
      [ofRevocation('openKeptRecord')],
      { context: 'starling-provider-1', signer: me },
      [record, revocation],
      (input) => openKeptRecord(input, NOW),
    ),
    signedTarget(
      'provider record',
      [of('records'), of('openProviderRecord')],
      { context: 'starling-provider-1', signer: me },
      [record],
      (input) => openProviderRecord(input, NOW),
    ),
    codecTarget('providers request', of('providersRequest'), providersRequest, [
      providersRequest.encode({ type: 'provide', record }),
      providersRequest.encode({ type: 'withdraw', key }),
      providersRequest.encode({ type: 'find', key, scope: 'network' }),
    ]),
    codecTarget('providers response', of('providersResponse'), providersResponse, [
      providersResponse.encode({ type: 'stored' }),
      providersResponse.encode({ type: 'withdrawn' }),
      providersResponse.encode({ type: 'providers', records: [record, record] }),
      providersResponse.encode({ type: 'refused', reason: 'full' }),
    ]),
    codecTarget(
      'status request',
      `${FOLDER}relay-status.ts#relayStatusRequest`,
      relayStatusRequest,
      [relayStatusRequest.encode({ type: 'status' })],
    ),
    codecTarget(
      'status response',
      `${FOLDER}relay-status.ts#relayStatusResponse`,
      relayStatusResponse,
      [
        relayStatusResponse.encode({ upMs: 60_000, loadPercent: 7, copies: null }),
        relayStatusResponse.encode({
          upMs: 1,
          loadPercent: 100,
          copies: { freeBytes: 9, maxBytesEach: 2 },
        }),
      ],
    ),
    codecTarget('copies request', `${FOLDER}copies.ts#copiesRequest`, copiesRequest, [
      copiesRequest.encode({ type: 'keep', content: key, bytes: 3_000_000, forMs: 60_000 }),
      copiesRequest.encode({ type: 'release', content: key }),
    ]),
    codecTarget('copies response', `${FOLDER}copies.ts#copiesResponse`, copiesResponse, [
      copiesResponse.encode({ type: 'keeping', untilMs: NOW, complete: true, taken: 1 }),
      copiesResponse.encode({ type: 'released' }),
      copiesResponse.encode({ type: 'refused', reason: 'full' }),
    ]),
  ]
}
