import { expect, test } from 'vitest'
import type { NodeIdentity } from '#lib/crypto/api.ts'
import { openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import { openBundle, openOneTimePrekey, sealBundle } from '#lib/crypto/prekey-bundle.ts'
import { give, NO_PREKEYS, prekeysCodec, refresh, secretsOf } from '#lib/crypto/prekeys.ts'
import {
  accept,
  begin,
  open,
  prekeysFor,
  readOffer,
  seal,
  type Sessions,
} from '#lib/crypto/sessions.ts'
import { sessionsCodec } from '#lib/crypto/sessions-codec.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { fromBase64, frozen, frozenTexts, type MessagingVector } from '../../fixtures/vectors.ts'

const NOW = 1_700_000_000_000

const vector = frozen('messaging-1') as MessagingVector
/** Since then a session that Anna began knows when she did. */
const later = { ...vector, kept: { ...vector.kept, ...frozenTexts('messaging-2') } }
const text = (each: Uint8Array): string => Buffer.from(each).toString()

const anna = await earlierIdentity(1)
const boris = await earlierIdentity(2)
const owner = { peer: boris.peer, mlDsaKey: boris.mlDsaKey() }
const random3 = seededRandom(3)
const given = give(refresh(NO_PREKEYS, NOW, random3), owner, 2, NOW, random3)
const { prekeys } = given

/** Whose ML-DSA seed is not made from the other. */
function earlierIdentity(seed: number): Promise<NodeIdentity> {
  const random = seededRandom(seed)
  const mlDsaSeed = random.bytes(32)
  return openIdentity(secretsFrom(random.bytes(32), mlDsaSeed))
}

test('the bundle of an earlier version opens', async () => {
  const bundle = await openBundle(fromBase64(vector.bundle), boris.peer, boris.keyCommitment, NOW)
  expect(bundle.signedPrekey).toEqual(given.bundle.signedPrekey)
  expect(openOneTimePrekey(fromBase64(vector.oneTimePrekey), bundle).id).toBe(
    prekeys.oneTime[0]!.id,
  )
})

test('the messages of an earlier version open', () => {
  const random = seededRandom(4)
  const [first, second, , third] = vector.messages.map(fromBase64)
  const secrets = secretsOf(prekeys, prekeysFor(first!)!)
  const offer = readOffer(boris, secrets!, first!)
  expect(offer.first).toEqual(anna.publicKey)
  let opened = accept([], offer, random)
  expect(text(opened.plaintext)).toBe('Привет, Борис!')
  opened = open(opened.sessions, second!, random)!
  expect(text(opened.plaintext)).toBe('Are you there?')
  // The fourth is of a turn that this Boris, whose keys are random, never began.
  expect(() => open(opened.sessions, third!, random)).toThrow('of no session')
})

test.each([vector, later])('sessions and prekeys go on as earlier versions kept them', (each) => {
  const { kept, messages } = each
  expect(prekeysCodec.decode(fromBase64(kept.prekeys))).toEqual(prekeys)
  const random = seededRandom(6)
  const mine = sessionsCodec.decode(fromBase64(kept.anna))
  const theirs = sessionsCodec.decode(fromBase64(kept.boris))
  const opened = open(theirs, fromBase64(messages[3]), random)!
  expect(text(opened.plaintext)).toBe('Good')
  const { sealed } = seal(mine, Buffer.from('And on'), random)
  expect(text(open(opened.sessions, sealed, random)!.plaintext)).toBe('And on')
})

test('the same randomness makes the same bytes', async () => {
  expect(await conversation()).toEqual(later)
})

/** A short conversation in which nothing is left to chance but the ML-DSA signature, which is taken as it was. */
async function conversation(): Promise<MessagingVector> {
  const random = seededRandom(5)
  const { bundle, oneTime } = given
  const oneTimePrekey = oneTime[0]!
  const { id, prekey, kemPrekey } = openOneTimePrekey(oneTimePrekey, bundle)
  const theirs = {
    identity: boris.publicKey,
    signedPrekey: bundle.signedPrekey,
    kemPrekey,
    oneTimePrekey: prekey,
  }
  const sent: Uint8Array[] = []
  const say = (sessions: Sessions, words: string): Sessions => {
    const sealed = seal(sessions, Buffer.from(words), random)
    sent.push(sealed.sealed)
    return sealed.sessions
  }
  let mine = begin([], anna, theirs, { prekeys: bundle.id, oneTime: id }, NOW, random)
  mine = say(mine, 'Привет, Борис!')
  mine = say(mine, 'Are you there?')
  const secrets = secretsOf(prekeys, prekeysFor(sent[0]!)!)
  const accepted = accept([], readOffer(boris, secrets!, sent[0]!), random)
  const others = say(accepted.sessions, 'Here I am')
  mine = open(mine, sent[2]!, random)!.sessions
  mine = say(mine, 'Good')
  const base64 = (each: Uint8Array): string => Buffer.from(each).toString('base64')
  const sealedBundle = await sealBundle(bundle, {
    publicKey: boris.publicKey,
    sign: (context, body) => boris.sign(context, body),
    signPostQuantum: () => fromBase64(vector.bundle).slice(-3309),
  })
  return {
    bundle: base64(sealedBundle),
    oneTimePrekey: base64(oneTimePrekey),
    messages: sent.map(base64) as MessagingVector['messages'],
    kept: {
      prekeys: base64(prekeysCodec.encode(prekeys)),
      anna: base64(sessionsCodec.encode(mine)),
      boris: base64(sessionsCodec.encode(others)),
    },
  }
}
