/**
 * My prekeys: what others need to write to me while I sleep (PQXDH 3.2). A value, stored as one row; each function
 * gives the one that follows.
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { bytesSchema, timeMsSchema } from '../protocol/schemas.ts'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import { createKeyPair, keyPairSchema, type KeyPair } from './key-pair.ts'
import { KEM_SEED_BYTES, type PublishedSecrets } from './pqxdh.ts'
import {
  encodeOneTimePrekey,
  hashOfOneTimePrekey,
  prekeyIdSchema,
  type PrekeyBundle,
} from './prekey-bundle.ts'
import type { PrekeyIds } from './sessions.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** A signed prekey is replaced after this. */
export const ROTATION_MS = 7 * DAY_MS

/** A bundle is good for this long, so that somebody back from holidays can still be written to. */
export const BUNDLE_LIFE_MS = 30 * DAY_MS

/**
 * A replaced prekey is kept for this long: a bundle of its last day is used until it expires, and what is written then
 * may lie in a mailbox for 30 days.
 */
export const RETENTION_MS = ROTATION_MS + BUNDLE_LIFE_MS + 30 * DAY_MS

/** One-time prekeys given out and not used yet; the oldest go first. */
export const MAX_ONE_TIME_SECRETS = 400

/** Signed prekeys kept: one a week of the retention, and some that a clock set back and forth has made. */
export const MAX_PREKEY_SETS = 16

/** A signed prekey and the KEM prekey of last resort beside it. */
export interface PrekeySet {
  id: number
  signedPrekey: KeyPair
  kemSeed: Uint8Array
  createdAtMs: number
}

export interface OneTimeSecret {
  id: number
  prekey: KeyPair
  kemSeed: Uint8Array
}

export interface Prekeys {
  /** The newest last: it is the one published. */
  sets: PrekeySet[]
  /** Given out and not used yet, the newest last. */
  oneTime: OneTimeSecret[]
  /** Highest number given out, to either kind. */
  lastId: number
}

export const NO_PREKEYS: Prekeys = { sets: [], oneTime: [], lastId: 0 }

/** Prekeys as they are stored. Secret. */
export const prekeysCodec = codec<Prekeys>(
  v.strictObject({
    sets: v.pipe(
      v.array(
        v.strictObject({
          id: prekeyIdSchema,
          signedPrekey: keyPairSchema,
          kemSeed: bytesSchema(KEM_SEED_BYTES, KEM_SEED_BYTES),
          createdAtMs: timeMsSchema,
        }),
      ),
      v.maxLength(MAX_PREKEY_SETS),
    ),
    oneTime: v.pipe(
      v.array(
        v.strictObject({
          id: prekeyIdSchema,
          prekey: keyPairSchema,
          kemSeed: bytesSchema(KEM_SEED_BYTES, KEM_SEED_BYTES),
        }),
      ),
      v.maxLength(MAX_ONE_TIME_SECRETS),
    ),
    lastId: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
  256 * (MAX_ONE_TIME_SECRETS + MAX_PREKEY_SETS),
)

/** With a young signed prekey, and without those nobody can use any more. */
export function refresh(prekeys: Prekeys, nowMs: number, random: Random): Prekeys {
  const newest = prekeys.sets.at(-1)
  const kept = prekeys.sets.filter(({ createdAtMs }) => nowMs < createdAtMs + RETENTION_MS)
  // A set from the future, by a clock that was set back, would never be replaced.
  if (newest !== undefined && Math.abs(nowMs - newest.createdAtMs) < ROTATION_MS) {
    return { ...prekeys, sets: kept }
  }
  const id = prekeys.lastId + 1
  const set: PrekeySet = {
    id,
    signedPrekey: createKeyPair(random),
    kemSeed: random.bytes(KEM_SEED_BYTES),
    createdAtMs: nowMs,
  }
  return { ...prekeys, sets: [...kept, set].slice(-MAX_PREKEY_SETS), lastId: id }
}

/**
 * What is given to somebody who wants to write to me, or to a relay that hands it on: the bundle to be signed, and
 * `count` new one-time prekeys that it vouches for, encoded.
 * @param prekeys refreshed
 */
export function give(
  prekeys: Prekeys,
  owner: { peer: PeerIdString; mlDsaKey: Uint8Array },
  count: number,
  nowMs: number,
  random: Random,
): { prekeys: Prekeys; bundle: PrekeyBundle; oneTime: Uint8Array[] } {
  const set = prekeys.sets.at(-1)
  if (set === undefined) throw new RangeError('there are no prekeys before the first refresh')
  const secrets = Array.from({ length: count }, (_, index) => ({
    id: prekeys.lastId + index + 1,
    prekey: createKeyPair(random),
    kemSeed: random.bytes(KEM_SEED_BYTES),
  }))
  const oneTime = secrets.map(({ id, prekey, kemSeed }) =>
    encodeOneTimePrekey({ id, prekey: prekey.publicKey, kemPrekey: kemKey(kemSeed) }),
  )
  return {
    prekeys: {
      ...prekeys,
      oneTime: [...prekeys.oneTime, ...secrets].slice(-MAX_ONE_TIME_SECRETS),
      lastId: prekeys.lastId + count,
    },
    bundle: {
      ...owner,
      id: set.id,
      signedPrekey: set.signedPrekey.publicKey,
      kemPrekey: kemKey(set.kemSeed),
      oneTime: oneTime.map(hashOfOneTimePrekey),
      expiresAtMs: nowMs + BUNDLE_LIFE_MS,
    },
    oneTime,
  }
}

/** What these numbers are of; null when it is spent, too old or never was. */
export function secretsOf(prekeys: Prekeys, ids: PrekeyIds): PublishedSecrets | null {
  const set = prekeys.sets.find(({ id }) => id === ids.prekeys)
  if (set === undefined) return null
  const { signedPrekey } = set
  if (ids.oneTime === null) return { signedPrekey, kemSeed: set.kemSeed, oneTimePrekey: null }
  const oneTime = prekeys.oneTime.find(({ id }) => id === ids.oneTime)
  if (oneTime === undefined) return null
  return { signedPrekey, kemSeed: oneTime.kemSeed, oneTimePrekey: oneTime.prekey }
}

/** Without the one-time prekey of a message that has opened: nobody, me included, opens it again. */
export function spend(prekeys: Prekeys, oneTime: number): Prekeys {
  return { ...prekeys, oneTime: prekeys.oneTime.filter(({ id }) => id !== oneTime) }
}

function kemKey(seed: Uint8Array): Uint8Array {
  return ml_kem768.keygen(seed).publicKey
}
