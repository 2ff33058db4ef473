/**
 * The sessions of two people, after The Sesame Algorithm (https://signal.org/docs/specifications/sesame/, 3.3 and
 * 3.4) for one device each: there may be several, because both can begin at once, or one can begin anew after a
 * loss. Each message opens in the session it was sealed in, which then is the one to answer in, so both sides come
 * to use one.
 *
 * A sealed message:
 *
 *     01 || message of the ratchet
 *     02 || id of the prekeys (4) || id of the one-time prekey or 0 (4) || ephemeral key (32) || KEM ciphertext (1088)
 *        || identity, encrypted (48) || message of the ratchet
 *
 * The second form begins a session. Its head goes along with every message until the other side has answered.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { equalBytes } from '../protocol/codec.ts'
import type { Random } from '../protocol/seams.ts'
import { CannotOpenError } from './errors.ts'
import { KEY_BYTES } from './key-pair.ts'
import { pad, SIZE_CLASSES, unpad } from './padding.ts'
import {
  agreeAsFirst,
  agreeAsSecond,
  IDENTITY_BYTES,
  KEM_CIPHERTEXT_BYTES,
  type Opening,
  type Party,
  type PublishedKeys,
  type PublishedSecrets,
} from './pqxdh.ts'
import {
  beginAsFirst,
  beginAsSecond,
  canSeal,
  open as openMessage,
  RATCHET_OVERHEAD_BYTES,
  seal as sealMessage,
  type RatchetState,
} from './ratchet/ratchet.ts'

/** Sessions kept with one person; the one used longest ago goes first. */
export const MAX_SESSIONS = 4

const MESSAGE = 1
const OPENING = 2
const ID_BYTES = 4
/** Of what a message that begins a session has before that of the ratchet. */
export const HEAD_BYTES = 1 + 2 * ID_BYTES + KEY_BYTES + KEM_CIPHERTEXT_BYTES + IDENTITY_BYTES

/** What sealing adds to the padded plaintext at most, in bytes. */
export const SEAL_OVERHEAD_BYTES = HEAD_BYTES + RATCHET_OVERHEAD_BYTES

/** Bytes of a message of the smallest class in a session that both know: what relays see most. */
export const SHORT_MESSAGE_BYTES = 1 + RATCHET_OVERHEAD_BYTES + SIZE_CLASSES[0]

export interface Session {
  /** SHA-256 of the head it began with: the same on both sides. */
  id: Uint8Array
  ratchet: RatchetState
  /** Authenticated with every message: SHA-256 of what was agreed on and of `id`. */
  associated: Uint8Array
  /** The head, while the other side has not answered. */
  head: Uint8Array | null
  /** When I took the prekeys that I began it with; absent in what they began, and in sessions of before this was kept. */
  begunAtMs?: number
}

/** All with one person, the one to seal in first. */
export type Sessions = Session[]

/** Which prekeys an opening is for. */
export interface PrekeyIds {
  prekeys: number
  /** Null: of last resort. */
  oneTime: number | null
}

/** What nobody can tell from such a message. @param content looks like chance itself; no longer than one has room for */
export function likeMessage(content: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const message = random.bytes(SHORT_MESSAGE_BYTES)
  message[0] = MESSAGE
  message.set(content, 1)
  return message
}

/** Sessions with a new one, to somebody who has published these keys. @throws CannotOpenError */
export function begin(
  sessions: Sessions,
  me: Party,
  theirs: PublishedKeys,
  ids: PrekeyIds,
  nowMs: number,
  random: Random,
): Sessions {
  const { secret, associated, opening } = agreeAsFirst(me, theirs, random)
  const head = encodeHead(ids, opening)
  const ratchet = beginAsFirst(secret, theirs.signedPrekey, random)
  secret.fill(0)
  return used(sessions, { ...bind(head, associated), ratchet, head, begunAtMs: nowMs })
}

/** Whether `seal` works. */
export function canSealTo(sessions: Sessions): boolean {
  return sessions.some(({ ratchet }) => canSeal(ratchet))
}

/** @throws RangeError without a session, LimitExceededError when the plaintext is too long to be padded */
export function seal(
  sessions: Sessions,
  plaintext: Uint8Array,
  random: Random,
): { sessions: Sessions; sealed: Uint8Array } {
  const session = sessions.find(({ ratchet }) => canSeal(ratchet))
  if (session === undefined) throw new RangeError('no session to seal in')
  const { associated, head } = session
  const { state, sealed } = sealMessage(session.ratchet, pad(plaintext), associated, random)
  const after = { ...session, ratchet: state }
  return {
    sessions: sessions.map((each) => (each === session ? after : each)),
    sealed: concatBytes(head ?? Uint8Array.of(MESSAGE), sealed),
  }
}

/**
 * Opens what belongs to a session that is there. Null when it begins another: see `accept`.
 * @throws CannotOpenError, InvalidDataError; the sessions given stay good
 */
export function open(
  sessions: Sessions,
  sealed: Uint8Array,
  random: Random,
): { sessions: Sessions; plaintext: Uint8Array } | null {
  const { head, message } = parse(sealed)
  if (head !== null) {
    const id = sha256(head)
    const session = sessions.find((each) => equalBytes(each.id, id))
    return session === undefined ? null : openIn(sessions, session, message, random)
  }
  for (const session of sessions) {
    const opened = attempt(() => openIn(sessions, session, message, random))
    if (opened !== null) return opened
  }
  throw new CannotOpenError('of no session')
}

/** Whether this is a message that begins a session, by its first byte. */
export function beginsSession(sealed: Uint8Array): boolean {
  return sealed[0] === OPENING
}

/** Whether this message begins, or once more begins, one of these sessions. @throws CannotOpenError */
export function hasBegun(sessions: Sessions, sealed: Uint8Array): boolean {
  return begunBy(sessions, sealed) !== undefined
}

/** When I took the prekeys for the session that this message begins; null when it begins none of these. @throws CannotOpenError */
export function begunAt(sessions: Sessions, sealed: Uint8Array): number | null {
  return begunBy(sessions, sealed)?.begunAtMs ?? null
}

/** Which prekeys a message needs that begins a session. Null when it begins none. @throws CannotOpenError */
export function prekeysFor(sealed: Uint8Array): PrekeyIds | null {
  const { head } = parse(sealed)
  return head === null ? null : decodeHead(head).ids
}

/** Who sealed a message that begins a session, and how it goes on. Claimed by them until `accept` has opened it. */
export interface Offer {
  /** Ed25519. */
  first: Uint8Array
  session: Session
  message: Uint8Array
}

/**
 * The session that a message begins.
 * @param secrets those `prekeysFor` named
 * @throws CannotOpenError when it is for other keys
 */
export function readOffer(me: Party, secrets: PublishedSecrets, sealed: Uint8Array): Offer {
  const { head, message } = parse(sealed)
  if (head === null) throw new CannotOpenError('begins no session')
  const { secret, associated, first } = agreeAsSecond(me, secrets, decodeHead(head).opening)
  const ratchet = beginAsSecond(secret, secrets.signedPrekey)
  secret.fill(0)
  return { first, session: { ...bind(head, associated), ratchet, head: null }, message }
}

/** Sessions with the one offered, if its message opens. @throws CannotOpenError, InvalidDataError */
export function accept(
  sessions: Sessions,
  { session, message }: Offer,
  random: Random,
): { sessions: Sessions; plaintext: Uint8Array } {
  return openIn([...sessions, session], session, message, random)
}

function begunBy(sessions: Sessions, sealed: Uint8Array): Session | undefined {
  const { head } = parse(sealed)
  if (head === null) return undefined
  const id = sha256(head)
  return sessions.find((each) => equalBytes(each.id, id))
}

/** Opens in this session, which becomes the one to answer in; its head has arrived. */
function openIn(
  sessions: Sessions,
  session: Session,
  message: Uint8Array,
  random: Random,
): { sessions: Sessions; plaintext: Uint8Array } {
  const { state, plaintext } = openMessage(session.ratchet, message, session.associated, random)
  const after = { ...session, ratchet: state, head: null }
  const others = sessions.filter((each) => each !== session)
  return { sessions: used(others, after), plaintext: unpad(plaintext) }
}

/** Every message of a session vouches for the people in it and for all of the head it began with. */
function bind(head: Uint8Array, agreed: Uint8Array): Pick<Session, 'id' | 'associated'> {
  const id = sha256(head)
  return { id, associated: sha256(concatBytes(agreed, id)) }
}

function used(others: Sessions, session: Session): Sessions {
  return [session, ...others].slice(0, MAX_SESSIONS)
}

function attempt<T>(open: () => T): T | null {
  try {
    return open()
  } catch (error) {
    if (error instanceof CannotOpenError) return null
    throw error
  }
}

function parse(sealed: Uint8Array): { head: Uint8Array | null; message: Uint8Array } {
  const [kind] = sealed
  if (kind === MESSAGE) return { head: null, message: sealed.subarray(1) }
  if (kind === OPENING && sealed.byteLength > HEAD_BYTES) {
    return { head: sealed.subarray(0, HEAD_BYTES), message: sealed.subarray(HEAD_BYTES) }
  }
  throw new CannotOpenError('no sealed message')
}

function encodeHead({ prekeys, oneTime }: PrekeyIds, opening: Opening): Uint8Array {
  const ids = new DataView(new ArrayBuffer(2 * ID_BYTES))
  ids.setUint32(0, prekeys)
  ids.setUint32(ID_BYTES, oneTime ?? 0)
  const { ephemeral, kemCiphertext, identity } = opening
  return concatBytes(
    Uint8Array.of(OPENING),
    new Uint8Array(ids.buffer),
    ephemeral,
    kemCiphertext,
    identity,
  )
}

function decodeHead(head: Uint8Array): { ids: PrekeyIds; opening: Opening } {
  const view = new DataView(head.buffer, head.byteOffset)
  let at = 1 + 2 * ID_BYTES
  const take = (length: number): Uint8Array => head.slice(at, (at += length))
  const oneTime = view.getUint32(1 + ID_BYTES)
  return {
    ids: { prekeys: view.getUint32(1), oneTime: oneTime === 0 ? null : oneTime },
    opening: {
      ephemeral: take(KEY_BYTES),
      kemCiphertext: take(KEM_CIPHERTEXT_BYTES),
      identity: take(IDENTITY_BYTES),
    },
  }
}
