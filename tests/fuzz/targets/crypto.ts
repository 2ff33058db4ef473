import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { encode } from '@ipld/dag-cbor'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { CHUNK_BYTES, openBackup, readBackupHead, sealBackup } from '#lib/crypto/backup-file.ts'
import type { BackupSecret, BackupSource } from '#lib/crypto/backup-file.ts'
import { deviceSealSchema, passphraseSealSchema } from '#lib/crypto/database-key.ts'
import {
  introductionMailbox,
  openOfOwner,
  openWithCard,
  sealForCard,
  sealForOwner,
} from '#lib/crypto/mailbox-keys.ts'
import { pad, unpad } from '#lib/crypto/padding.ts'
import { openBundle, openOneTimePrekey, sealBundle } from '#lib/crypto/prekey-bundle.ts'
import { give, NO_PREKEYS, prekeysCodec, refresh, secretsOf } from '#lib/crypto/prekeys.ts'
import { encryptHeader, encrypt, stepChain } from '#lib/crypto/ratchet/kdf.ts'
import { phraseOf, readPhrase } from '#lib/crypto/recovery-phrase.ts'
import {
  accept,
  begin,
  hasBegun,
  open,
  prekeysFor,
  readOffer,
  seal,
  type Sessions,
} from '#lib/crypto/sessions.ts'
import { sessionsCodec } from '#lib/crypto/sessions-codec.ts'
import { check } from '#lib/protocol/check.ts'
import type { Random } from '#lib/protocol/seams.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { fromBase64, frozen, type MessagingVector } from '../../fixtures/vectors.ts'
import { changedBytes } from '../bytes.ts'
import type { Dice } from '../dice.ts'
import { personOf } from '../people.ts'
import {
  bytesLike,
  bytesTarget,
  codecTarget,
  textTarget,
  valueTarget,
  type Target,
} from '../target.ts'
import { NOW } from './protocol.ts'

const FOLDER = 'src/lib/crypto/'

/** Nothing here is secret, and an input must come out the same whenever it is made. */
const dull: Random = { bytes: (count) => new Uint8Array(count).fill(7), fraction: () => 0.5 }

export async function cryptoTargets(): Promise<Target[]> {
  return [...(await messageTargets()), ...(await backupTargets()), ...vaultTargets()]
}

async function messageTargets(): Promise<Target[]> {
  const random = seededRandom(9)
  const { identity: anna } = await personOf(1)
  const { identity: boris, bundleSigner } = await personOf(2)
  const owner = { peer: boris.peer, mlDsaKey: boris.mlDsaKey() }
  const given = give(refresh(NO_PREKEYS, NOW, random), owner, 3, NOW, random)
  const { prekeys, bundle, oneTime } = given
  const sealedBundle = await sealBundle(bundle, bundleSigner)
  const first = openOneTimePrekey(oneTime[0]!, bundle)
  const theirs = {
    ...{ identity: boris.publicKey, signedPrekey: bundle.signedPrekey },
    ...{ kemPrekey: first.kemPrekey, oneTimePrekey: first.prekey },
  }
  const begun = begin([], anna, theirs, { prekeys: bundle.id, oneTime: first.id }, NOW, random)
  const opening = seal(begun, utf8ToBytes('hello'), random)
  const secrets = secretsOf(prekeys, prekeysFor(opening.sealed)!)!
  const accepted = accept([], readOffer(boris, secrets, opening.sealed), random)
  const answer = seal(accepted.sessions, utf8ToBytes('hello you'), random)
  const mine = open(opening.sessions, answer.sealed, random)!.sessions
  const next = seal(mine, utf8ToBytes('and on'), random)
  const later = seal(next.sessions, utf8ToBytes('and on and on'), random)
  const vector = frozen('messaging-1') as MessagingVector
  const card = { publicKey: boris.publicKey, keyCommitment: boris.keyCommitment }
  const seed = new Uint8Array(32).fill(3)

  /** Signed by Boris himself, who is hostile. Only one of the two signatures fits, or his would take ten milliseconds. */
  const bodies = bytesLike([bundleBody(sealedBundle)])
  const bundles = bytesLike([sealedBundle, fromBase64(vector.bundle)])
  const hostileBundle = async (dice: Dice): Promise<Uint8Array<ArrayBuffer>> => {
    if (!dice.once(8)) return bundles(dice)
    const body = bodies(dice)
    const signature = await boris.sign('starling-prekeys-1', body)
    return Uint8Array.from(encode([body, signature, new Uint8Array(3309)]))
  }
  const sealedMessages = bytesLike([
    opening.sealed,
    next.sealed,
    later.sealed,
    ...vector.messages.map(fromBase64),
  ])
  return [
    {
      name: 'prekey bundle',
      decoders: [
        ...['body', 'envelope', 'openBundle'].map((each) => `${FOLDER}prekey-bundle.ts#${each}`),
      ],
      keys: true,
      make: hostileBundle,
      take: (input: Uint8Array) => openBundle(input, boris.peer, boris.keyCommitment, NOW),
    },
    bytesTarget(
      'one-time prekey',
      [`${FOLDER}prekey-bundle.ts#oneTimeCodec`, `${FOLDER}prekey-bundle.ts#openOneTimePrekey`],
      [...oneTime, fromBase64(vector.oneTimePrekey)],
      (input) => openOneTimePrekey(input, bundle),
    ),
    {
      name: 'sealed message',
      decoders: [`${FOLDER}sessions.ts#open`, `${FOLDER}ratchet/ratchet.ts#open`],
      keys: true,
      make: (dice) => (dice.once(4) ? byItsSender(dice, mine) : sealedMessages(dice)),
      take: (input: Uint8Array) => open(accepted.sessions, input, dull),
    },
    {
      name: 'opening',
      decoders: [`${FOLDER}sessions.ts#readOffer`],
      keys: true,
      make: (dice) => changedBytes(dice, opening.sealed),
      take(input: Uint8Array) {
        const ids = prekeysFor(input)
        hasBegun(accepted.sessions, input)
        accept([], readOffer(boris, (ids && secretsOf(prekeys, ids)) ?? secrets, input), dull)
      },
    },
    {
      name: 'keys to begin with',
      decoders: [],
      keys: true,
      make: (dice) => ({
        signedPrekey: oddKey(dice, bundle.signedPrekey),
        kemPrekey: oddKey(dice, first.kemPrekey),
        oneTimePrekey: oddKey(dice, first.prekey),
        identity: oddKey(dice, boris.publicKey),
      }),
      take: (input: typeof theirs) =>
        seal(
          begin([], anna, input, { prekeys: 1, oneTime: null }, NOW, dull),
          utf8ToBytes('hello'),
          dull,
        ),
    },
    bytesTarget(
      'padding',
      [`${FOLDER}padding.ts#unpad`],
      [pad(utf8ToBytes('hello')), pad(new Uint8Array(255)), pad(new Uint8Array())],
      (input) => {
        unpad(input)
      },
    ),
    bytesTarget(
      'sealed for oneself',
      [`${FOLDER}mailbox-keys.ts#openOfOwner`],
      [sealForOwner(seed, utf8ToBytes('hello'), random)],
      (input) => openOfOwner(seed, input),
    ),
    bytesTarget(
      'sealed for the card',
      [`${FOLDER}mailbox-keys.ts#openWithCard`],
      [sealForCard(card, 1, utf8ToBytes('hello'), random)],
      (input) => openWithCard(card, 1, input),
    ),
    {
      name: 'keys of a card',
      decoders: [],
      keys: true,
      make: (dice) => oddKey(dice, boris.publicKey),
      take: (publicKey: Uint8Array) => introductionMailbox({ ...card, publicKey }, 1),
    },
    codecTarget('kept sessions', `${FOLDER}sessions-codec.ts#sessionsCodec`, sessionsCodec, [
      sessionsCodec.encode(mine),
      sessionsCodec.encode(accepted.sessions),
    ]),
    codecTarget('kept prekeys', `${FOLDER}prekeys.ts#prekeysCodec`, prekeysCodec, [
      prekeysCodec.encode(prekeys),
    ]),
  ]
}

function bundleBody(bundle: Uint8Array): Uint8Array {
  // The head of a list of three, then that of the body's bytes, whose length takes two.
  const length = new DataView(bundle.buffer, bundle.byteOffset).getUint16(2)
  return bundle.slice(4, 4 + length)
}

/** A key nobody should have: of small order, off the curve, of numbers that are too large. */
function oddKey(dice: Dice, key: Uint8Array): Uint8Array {
  switch (dice.below(6)) {
    case 0:
      return new Uint8Array(key.byteLength)
    case 1:
      return new Uint8Array(key.byteLength).fill(0xff)
    case 2: {
      const one = new Uint8Array(key.byteLength)
      one[0] = 1
      return one
    }
    case 3:
      return dice.bytes(key.byteLength)
    case 4: {
      const changed = Uint8Array.from(key)
      changed[dice.below(changed.byteLength)] = dice.below(256)
      return changed
    }
    default:
      return key
  }
}

/** A message of who has the keys and plays false: numbers, ratchet key or padding are not as they should be. */
function byItsSender(dice: Dice, [session]: Sessions): Uint8Array {
  const { ratchet, associated } = session!
  const sending = ratchet.sending!
  const header = new Uint8Array(40)
  header.set(oddKey(dice, ratchet.mine.publicKey))
  const view = new DataView(header.buffer)
  // Far ahead costs a thousand hashes, which a few inputs show as well.
  const far = dice.once(50) ? 1_000 : 4
  view.setUint32(32, dice.pick([0, 1, dice.below(far), 2 ** 31, 2 ** 32 - 1]))
  view.setUint32(36, dice.pick([sending.next, dice.below(far), 2 ** 31, 2 ** 32 - 1]))
  const sealedHeader = encryptHeader(sending.header, header, dull)
  const padded = pad(utf8ToBytes('hello'))
  const plaintext = dice.once(2) ? padded : changedBytes(dice, padded)
  const bound = concatBytes(associated, sealedHeader)
  return concatBytes(
    Uint8Array.of(1),
    sealedHeader,
    encrypt(stepChain(sending.key).message, plaintext, bound),
  )
}

async function backupTargets(): Promise<Target[]> {
  const secret: BackupSecret = { type: 'phrase', ed25519Seed: new Uint8Array(32).fill(1) }
  // The derivation from a password takes half a second by design; what is read is the same.
  const stretch = (): Promise<Uint8Array<ArrayBuffer>> =>
    Promise.resolve(new Uint8Array(32).fill(2))
  const fileOf = async (by: BackupSecret, items: Uint8Array[]): Promise<Uint8Array> => {
    const parts: Uint8Array[] = []
    for await (const part of sealBackup({ stretch, random: dull }, by, NOW, items)) parts.push(part)
    return concatBytes(...parts)
  }
  const short = await fileOf(secret, [utf8ToBytes('one'), utf8ToBytes('two')])
  const byPassword = await fileOf({ type: 'password', password: 'a' }, [utf8ToBytes('one')])
  const head = headOf(short)
  const heads = bytesLike([head, headOf(byPassword)])
  const read = async (input: Uint8Array): Promise<void> => {
    const source = sourceOf(input)
    const { key } = await readBackupHead(source)
    const by: BackupSecret = key === 'phrase' ? secret : { type: 'password', password: 'a' }
    await Array.fromAsync(openBackup({ stretch }, source, by))
  }
  return [
    {
      name: 'backup head',
      decoders: [`${FOLDER}backup-file.ts#headCodec`, `${FOLDER}backup-file.ts#readBackupHead`],
      make: (dice) =>
        dice.once(3) ? changedBytes(dice, short.subarray(0, 200)) : headed(heads(dice)),
      take: (input: Uint8Array) => readBackupHead(sourceOf(input)),
    },
    {
      name: 'backup file',
      decoders: [`${FOLDER}backup-file.ts#openBackup`],
      make: (dice) => (dice.once(2) ? changedBytes(dice, short) : madeByOwner(dice, head)),
      take: read,
    },
    textTarget(
      'recovery phrase',
      [`${FOLDER}recovery-phrase.ts#readPhrase`],
      [phraseOf(new Uint8Array(32)).join(' '), phraseOf(new Uint8Array(32).fill(200)).join(' ')],
      (input) => readPhrase(input),
      { oneOf: 20 },
    ),
  ]
}

/** The head of a file without what stands around it. */
function headOf(file: Uint8Array): Uint8Array {
  const length = new DataView(file.buffer, file.byteOffset).getUint16(17)
  return file.slice(19, 19 + length)
}

/** A head with all that tells broken bytes. */
function headed(head: Uint8Array): Uint8Array {
  const plain = concatBytes(
    utf8ToBytes('starling backup\n'),
    Uint8Array.of(1, head.byteLength >> 8, head.byteLength & 255),
    head,
  )
  return concatBytes(plain, sha256(plain).subarray(0, 8))
}

const OWNER_SALT = dull.bytes(16)
const ownerKey = (info: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hkdf(sha256, new Uint8Array(32).fill(1), OWNER_SALT, utf8ToBytes(info), 32))
const HEAD_KEY = ownerKey('starling backup head')
const CHUNK_KEY = crypto.subtle.importKey(
  'raw',
  ownerKey('starling backup chunks'),
  'AES-GCM',
  false,
  ['encrypt'],
)

/** A file by who has the key, with chunks of anything. */
async function madeByOwner(dice: Dice, head: Uint8Array): Promise<Uint8Array> {
  const signed = headed(head)
  const key = await CHUNK_KEY
  const parts = [signed, hmac(sha256, HEAD_KEY, signed)]
  const chunks = 1 + dice.below(2)
  for (let number = 0; number < chunks; number += 1) {
    const chunk = new Uint8Array(CHUNK_BYTES)
    const view = new DataView(chunk.buffer)
    let at = 0
    for (let items = dice.below(4); items > 0; items -= 1) {
      const length = dice.pick([
        0,
        1,
        2,
        100,
        CHUNK_BYTES,
        256 * 1024,
        256 * 1024 + 1,
        2 ** 31,
        2 ** 32 - 1,
      ])
      view.setUint32(at, length)
      at += 4 + Math.min(length, 200)
    }
    const iv = new Uint8Array(12)
    iv[10] = number
    iv[11] = number === chunks - 1 || dice.once(8) ? 1 : 0
    parts.push(new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, chunk)))
  }
  return concatBytes(...parts)
}

function sourceOf(bytes: Uint8Array): BackupSource {
  return {
    size: bytes.byteLength,
    slice: (from, to) =>
      ({
        arrayBuffer: () => Promise.resolve(bytes.slice(from, to).buffer),
      }) as Blob,
  }
}

function vaultTargets(): Target[] {
  const cipher = new AesRowCipher(new Uint8Array(32), dull)
  const context = utf8ToBytes('messages')
  const sealed = { nonce: new Uint8Array(12), sealed: new Uint8Array(48) }
  const stretching = { salt: new Uint8Array(16), memoryKiB: 65_536, passes: 3, lanes: 4 }
  return [
    bytesTarget('sealed row', [], [cipher.seal(utf8ToBytes('a row'), context)], (input) =>
      cipher.open(input, context),
    ),
    valueTarget(
      'seals of the database key',
      [],
      [
        { type: 'passphrase', stretching, ...sealed },
        { type: 'device', deviceKey: new Uint8Array(32), ...sealed },
      ],
      (input) => {
        const isDevice = (input as { type?: unknown } | null)?.type === 'device'
        check<unknown>(isDevice ? deviceSealSchema : passphraseSealSchema, input)
      },
    ),
  ]
}
