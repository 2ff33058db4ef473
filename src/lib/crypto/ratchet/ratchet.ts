/**
 * The Double Ratchet with header encryption: https://signal.org/docs/specifications/doubleratchet/, section 4.
 * Names in capitals in comments are the specification's.
 *
 * A sealed message is `encrypted header (80 bytes) || ciphertext`. The header, 40 bytes, is the sender's ratchet
 * key, PN and N as unsigned 32-bit big-endian numbers.
 *
 * States are values: each call gives the state that follows, and a message that is refused changes nothing. So a
 * state is stored in the same transaction as what was sent or received, and a crash or a hostile message between
 * leaves a session as it was.
 */
import { x25519 } from '@noble/curves/ed25519.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { equalBytes } from '@noble/ciphers/utils.js'
import type { Random } from '../../protocol/seams.ts'
import { CannotOpenError } from '../errors.ts'
import { createKeyPair, KEY_BYTES, type KeyPair } from '../key-pair.ts'
import {
  decrypt,
  decryptHeader,
  encrypt,
  encryptHeader,
  firstKeys,
  HEADER_OVERHEAD_BYTES,
  stepChain,
  stepRoot,
  TAG_BYTES,
} from './kdf.ts'

/** Messages one chain may be ahead of what has come (MAX_SKIP): a header beyond it is not believed. */
export const MAX_SKIP = 1_000

/** Keys kept for messages that have not come, over all chains; the oldest go first. */
export const MAX_SKIPPED = 2_000

/** Chains such keys are kept of: each costs an attempt at every header. */
export const MAX_SKIPPED_CHAINS = 16

const COUNTER_BYTES = 4
const HEADER_BYTES = KEY_BYTES + 2 * COUNTER_BYTES
const SEALED_HEADER_BYTES = HEADER_BYTES + HEADER_OVERHEAD_BYTES

/** What sealing adds to a plaintext, in bytes. */
export const RATCHET_OVERHEAD_BYTES = SEALED_HEADER_BYTES + TAG_BYTES

/** A chain in use: CKs, HKs, Ns or CKr, HKr, Nr. */
export interface Chain {
  key: Uint8Array
  header: Uint8Array
  /** Number of the next message. */
  next: number
}

/** Keys of messages of one chain that have not come (MKSKIPPED). */
export interface SkippedChain {
  header: Uint8Array
  /** In the order of their numbers. */
  keys: { number: number; key: Uint8Array }[]
}

/** One session as it is stored. */
export interface RatchetState {
  /** DHs. */
  mine: KeyPair
  /** DHr; null until the first message of the other side. */
  theirs: Uint8Array | null
  /** RK. */
  root: Uint8Array
  /** Null until there is a key of theirs to send to. */
  sending: Chain | null
  receiving: Chain | null
  /** NHKs. */
  nextSendingHeader: Uint8Array
  /** NHKr. */
  nextReceivingHeader: Uint8Array
  /** PN: messages of the sending chain before this one. */
  previous: number
  /** Newest chain last. */
  skipped: SkippedChain[]
}

interface Header {
  theirs: Uint8Array
  previous: number
  number: number
}

/**
 * RatchetInitAliceHE (4.4): the side that sends first.
 * @param agreed what both sides agreed on, 32 bytes, used for nothing else
 * @param theirs their ratchet key: the signed prekey of the agreement
 */
export function beginAsFirst(agreed: Uint8Array, theirs: Uint8Array, random: Random): RatchetState {
  const first = firstKeys(agreed)
  const mine = createKeyPair(random)
  const { root, chain, header } = stepRoot(first.root, dh(mine, theirs))
  return {
    mine,
    theirs,
    root,
    sending: { key: chain, header: first.headerOfFirst, next: 0 },
    receiving: null,
    nextSendingHeader: header,
    nextReceivingHeader: first.headerOfSecond,
    previous: 0,
    skipped: [],
  }
}

/** RatchetInitBobHE (4.4): the side whose prekey was used. */
export function beginAsSecond(agreed: Uint8Array, mine: KeyPair): RatchetState {
  const { root, headerOfFirst, headerOfSecond } = firstKeys(agreed)
  return {
    mine,
    theirs: null,
    root,
    sending: null,
    receiving: null,
    nextSendingHeader: headerOfSecond,
    nextReceivingHeader: headerOfFirst,
    previous: 0,
    skipped: [],
  }
}

/** Whether `seal` works: the second side has heard of the first. */
export function canSeal(state: RatchetState): boolean {
  return state.sending !== null
}

/**
 * RatchetEncryptHE (4.5).
 * @param associated authenticated with the message, the same on both sides
 * @throws RangeError when the other side has not been heard yet
 */
export function seal(
  state: RatchetState,
  plaintext: Uint8Array,
  associated: Uint8Array,
  random: Random,
): { state: RatchetState; sealed: Uint8Array } {
  const { sending, mine, previous } = state
  if (sending === null) throw new RangeError('the second side seals once it has heard the first')
  const { chain, message } = stepChain(sending.key)
  const header = encryptHeader(
    sending.header,
    encodeHeader({ theirs: mine.publicKey, previous, number: sending.next }),
    random,
  )
  const ciphertext = encrypt(message, plaintext, concatBytes(associated, header))
  message.fill(0)
  return {
    state: { ...state, sending: { ...sending, key: chain, next: sending.next + 1 } },
    sealed: concatBytes(header, ciphertext),
  }
}

/**
 * RatchetDecryptHE (4.6).
 * @throws CannotOpenError when nothing of this session opens it; the state given stays good
 */
export function open(
  state: RatchetState,
  sealed: Uint8Array,
  associated: Uint8Array,
  random: Random,
): { state: RatchetState; plaintext: Uint8Array } {
  if (sealed.byteLength < RATCHET_OVERHEAD_BYTES) throw new CannotOpenError('too short')
  const header = sealed.subarray(0, SEALED_HEADER_BYTES)
  const ciphertext = sealed.subarray(SEALED_HEADER_BYTES)
  const bound = concatBytes(associated, header)
  const late = openSkipped(state, header, ciphertext, bound)
  if (late !== null) return late

  // DecryptHeader: of the chain in use, or of the next, which their new ratchet key begins.
  const current = state.receiving && decryptHeader(state.receiving.header, header)
  const bytes = current ?? decryptHeader(state.nextReceivingHeader, header)
  if (bytes === null) throw new CannotOpenError('a header of no chain of this session')
  const { theirs, previous, number } = decodeHeader(bytes)
  let next = state
  if (current === null) {
    next = skip(next, previous)
    next = turn(next, theirs, random)
  }
  next = skip(next, number)
  const { receiving } = next
  if (receiving?.next !== number) throw new CannotOpenError('a message that came before')
  const { chain, message } = stepChain(receiving.key)
  const plaintext = decrypt(message, ciphertext, bound)
  message.fill(0)
  if (plaintext === null) throw new CannotOpenError('the message does not fit its header')
  return {
    state: { ...next, receiving: { ...receiving, key: chain, next: number + 1 } },
    plaintext,
  }
}

/** TrySkippedMessageKeysHE. Null when the header is of no chain with keys left, or of none of these keys. */
function openSkipped(
  state: RatchetState,
  header: Uint8Array,
  ciphertext: Uint8Array,
  bound: Uint8Array,
): { state: RatchetState; plaintext: Uint8Array } | null {
  for (const chain of state.skipped) {
    const bytes = decryptHeader(chain.header, header)
    if (bytes === null) continue
    const { number } = decodeHeader(bytes)
    const kept = chain.keys.find((each) => each.number === number)
    if (kept === undefined) continue
    const plaintext = decrypt(kept.key, ciphertext, bound)
    if (plaintext === null) throw new CannotOpenError('the message does not fit its header')
    const keys = chain.keys.filter((each) => each !== kept)
    const skipped = state.skipped.flatMap((each) => {
      if (each !== chain) return [each]
      return keys.length === 0 ? [] : [{ ...chain, keys }]
    })
    return { state: { ...state, skipped }, plaintext }
  }
  return null
}

/** SkipMessageKeysHE: keeps the keys of the receiving chain below `until`. @throws CannotOpenError */
function skip(state: RatchetState, until: number): RatchetState {
  const { receiving } = state
  if (receiving === null || receiving.next >= until) return state
  if (until - receiving.next > MAX_SKIP) throw new CannotOpenError('too far ahead')
  const keys: SkippedChain['keys'] = []
  let { key } = receiving
  for (let number = receiving.next; number < until; number++) {
    const { chain, message } = stepChain(key)
    keys.push({ number, key: message })
    key = chain
  }
  const known = state.skipped.find(({ header }) => equalBytes(header, receiving.header))
  const chain = { header: receiving.header, keys: [...(known?.keys ?? []), ...keys] }
  const skipped = bounded([...state.skipped.filter((each) => each !== known), chain])
  return { ...state, receiving: { ...receiving, key, next: until }, skipped }
}

/** The newest keys, as many as are kept. */
function bounded(skipped: readonly SkippedChain[]): SkippedChain[] {
  let room = MAX_SKIPPED
  const newestFirst: SkippedChain[] = []
  for (const { header, keys } of skipped.slice(-MAX_SKIPPED_CHAINS).reverse()) {
    if (room === 0) break
    newestFirst.push({ header, keys: keys.slice(-room) })
    room -= Math.min(room, keys.length)
  }
  return newestFirst.reverse()
}

/** DHRatchetHE: both chains begin anew from a ratchet key of theirs. @throws CannotOpenError */
function turn(state: RatchetState, theirs: Uint8Array, random: Random): RatchetState {
  const receiving = stepRoot(state.root, dh(state.mine, theirs))
  const mine = createKeyPair(random)
  const sending = stepRoot(receiving.root, dh(mine, theirs))
  return {
    mine,
    theirs,
    root: sending.root,
    sending: { key: sending.chain, header: state.nextSendingHeader, next: 0 },
    receiving: { key: receiving.chain, header: state.nextReceivingHeader, next: 0 },
    nextSendingHeader: sending.header,
    nextReceivingHeader: receiving.header,
    previous: state.sending?.next ?? 0,
    skipped: state.skipped,
  }
}

/** @throws CannotOpenError at a key of small order, whose secret everybody knows (RFC 7748, 6.1). */
function dh({ secretKey }: KeyPair, theirs: Uint8Array): Uint8Array {
  try {
    return x25519.getSharedSecret(secretKey, theirs)
  } catch (cause) {
    throw new CannotOpenError('a ratchet key that is none', { cause })
  }
}

function encodeHeader({ theirs, previous, number }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  bytes.set(theirs)
  const view = new DataView(bytes.buffer)
  view.setUint32(KEY_BYTES, previous)
  view.setUint32(KEY_BYTES + COUNTER_BYTES, number)
  return bytes
}

function decodeHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return {
    theirs: bytes.slice(0, KEY_BYTES),
    previous: view.getUint32(KEY_BYTES),
    number: view.getUint32(KEY_BYTES + COUNTER_BYTES),
  }
}
