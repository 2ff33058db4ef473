import {
  checkVersion,
  decodeRow,
  encodeRow,
  encodeVersion,
  type BackupRow,
} from '#lib/features/backup/rows.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import { textParts } from '#lib/features/chat/ui/text-parts.ts'
import { cardFragment, decodeCardText, openCard, sealCard } from '#lib/features/contacts/card.ts'
import { parseCode, plainCode } from '#lib/features/contacts/code.ts'
import { helloCodec } from '#lib/features/contacts/protocol.ts'
import { readSafetyCode } from '#lib/features/contacts/safety.ts'
import { chainIdOf, messageIdOf } from '#lib/protocol/ids.ts'
import { HOSTILE_TEXTS } from '../../fixtures/hostile-texts.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenBytes, frozenTexts } from '../../fixtures/vectors.ts'
import { bytesTarget, codecTarget, sealed, bytesLike, textTarget, type Target } from '../target.ts'
import { treeOf } from '../cbor.ts'
import { NOW } from './protocol.ts'

const FOLDER = 'src/lib/features/'

const filled = (count: number, value: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(count).fill(value)

export async function featureTargets(): Promise<Target[]> {
  const chat = frozenBytes('chat-2.0.0')
  const payloads = [
    ...['payload', 'rich', 'edit', 'delete', 'react', 'unreact', 'disappear'],
    ...['file', 'picture', 'voice'],
  ]
  return [
    codecTarget('chat payload', `${FOLDER}chat/protocol.ts#payloadCodec`, payloadCodec, [
      ...payloads.map((name) => chat[name]!),
    ]),
    textTarget(
      'links of a text',
      [],
      HOSTILE_TEXTS.map(({ text }) => text.slice(0, 2_000)).concat(
        'see https://a.example/b?c#d, or (www.b.example) and a@b.example.',
      ),
      (input) => {
        const parts = textParts(input)
        if (parts.map(({ text }) => text).join('') !== input) throw new Error('the text is another')
        for (const part of parts) {
          if (part.type === 'link' && !/^(?:https?|mailto):/.test(part.href))
            throw new Error(`a link to ${part.href}`)
        }
      },
      { oneOf: 10 },
    ),
    ...(await contactTargets()),
    ...(await backupTargets()),
  ]
}

async function contactTargets(): Promise<Target[]> {
  const anna = await signerOf(1)
  const relay = await signerOf(2)
  const card = {
    ...{ peer: anna.peer, name: 'Анна', keyCommitment: filled(32, 9) },
    ...{ relays: ['relay.example.org', 'localhost:8787', '[::1]:443'], expiresAtMs: null },
  }
  const cards = [
    await sealCard(card, anna),
    await sealCard({ ...card, relays: [], expiresAtMs: NOW + 9_000 }, anna),
  ]
  const fragment = cardFragment(cards[0]!)
  const address = `/dns4/relay.example/tcp/443/tls/ws/p2p/${relay.peer}`
  const codes = [
    fragment,
    `https://relay.example/${fragment}`,
    `Hello! https://relay.example/${fragment}. See you`,
    `web+starling://c/${fragment.slice(4)}`,
    `https://relay.example/#/c/${encodeURIComponent(`web+starling:${fragment}`)}`,
    fragment.slice(4),
    frozenTexts('card-1')['card']!,
    plainCode(anna.peer, address),
    plainCode(anna.peer, `${address}/p2p-circuit/p2p/${anna.peer}`),
    plainCode(anna.peer, null),
    'WIFI:S:mynetwork;T:WPA;P:secret;;',
  ]
  const bodies = bytesLike(cards.map((each) => treeOf(each.subarray(1))!.children[0]!.raw))
  const changed = bytesLike(cards)
  const by = { context: 'starling-card-1', signer: anna }
  return [
    {
      name: 'card',
      decoders: [`${FOLDER}contacts/card.ts#bodies`, `${FOLDER}contacts/card.ts#openCard`],
      keys: true,
      make: async (dice) =>
        dice.once(2) ? changed(dice) : Uint8Array.of(1, ...(await sealed(by, bodies(dice)))),
      take: (input: Uint8Array) => openCard(input, NOW),
    },
    {
      ...textTarget(
        'code',
        [`${FOLDER}contacts/code.ts#parseCode`, `${FOLDER}contacts/card.ts#decodeCardText`],
        codes,
        (input) => parseCode(input, NOW),
      ),
      keys: true,
    },
    textTarget('card as text', [], [fragment.slice(4)], (input) => decodeCardText(input)),
    textTarget(
      'safety code',
      [`${FOLDER}contacts/safety.ts#readSafetyCode`],
      [frozenTexts('safety-1')['code']!],
      (input) => readSafetyCode(input),
    ),
    codecTarget('contacts frame', `${FOLDER}contacts/protocol.ts#helloCodec`, helloCodec, [
      frozenBytes('contacts-1.0.0')['hello']!,
      helloCodec.encode({ type: 'hello', card: cards[0]!, sinceMs: NOW, mutual: false }),
    ]),
  ]
}

async function backupTargets(): Promise<Target[]> {
  const { peer } = await signerOf(1)
  const chain = chainIdOf(filled(16, 1))
  const id = messageIdOf(filled(32, 2))
  const rows: BackupRow[] = [
    [
      'identity',
      {
        key: 'me',
        ed25519Seed: filled(32, 1),
        mlDsaSeed: filled(32, 2),
        keyCommitment: filled(32, 3),
      },
    ],
    ['profile', { key: 'me', name: 'Анна', createdAtMs: NOW }],
    [
      'settings',
      { key: 'me', language: 'ru', theme: 'dark', readReceipts: true, notifications: 'name' },
    ],
    [
      'contacts',
      {
        ...{ peer, name: 'Ben', alias: null, note: '', added: true, heard: true, blocked: false },
        ...{
          keyCommitment: filled(32, 4),
          offeredCommitment: null,
          verifiedCommitment: null,
          relays: ['a.example'],
        },
        ...{ sinceMs: NOW, lastSeenAtMs: null, addedAtMs: NOW },
      },
    ],
    [
      'chains',
      {
        ...{
          peer,
          clock: 3,
          theirs: { chain, sequence: 1, head: id, clock: 2, read: 0 },
          past: [chain],
          ended: [],
        },
        mine: { chain, sequence: 2, head: id, stored: 1, received: 1, read: 0 },
      },
    ],
    [
      'outbox',
      {
        peer,
        chain,
        sequence: 2,
        id,
        intent: 'a',
        envelope: filled(90, 1),
        sealed: null,
        receipts: [],
      },
    ],
    [
      'messages',
      {
        ...{
          id,
          conversation: peer,
          chain,
          sequence: 1,
          clock: 1,
          mine: true,
          text: 'hello',
          sentAtMs: NOW,
          receivedAtMs: NOW,
        },
        ...{ reply: id, reactions: { mine: { clock: 3, id, emoji: '👍' } } },
      },
    ],
  ]
  return [
    bytesTarget(
      'backup row',
      [`${FOLDER}backup/rows.ts#itemCodec`, `${FOLDER}backup/rows.ts#decodeRow`],
      rows.map(encodeRow),
      (input) => {
        encodeRow(decodeRow(input))
      },
    ),
    bytesTarget(
      'backup version',
      [`${FOLDER}backup/rows.ts#versionCodec`],
      [encodeVersion()],
      (input) => {
        checkVersion(input)
      },
    ),
  ]
}
