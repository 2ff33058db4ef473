/**
 * What two people compare to know that nobody is between them: one number of both their keys, as words to read to
 * each other and as a code to scan. Described in docs/CRYPTO.md.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { base64url } from 'multiformats/bases/base64'
import { publicKeyOf, type PeerIdString } from '../../protocol/ids.ts'
import { NotASafetyCodeError } from './errors.ts'

/**
 * Words people compare: 132 bits. Who stands between two people makes both keys they see, so may look for any two with
 * the same words; that takes 2^66 tries, each of `ROUNDS` hashes.
 */
export const SAFETY_WORDS = 12

/** Hashing that often makes each try a thousand times as dear, and costs 2 ms. */
const ROUNDS = 1_024

/** Bits that choose one of the 2,048 words of BIP 39. */
const WORD_BITS = 11

/** What a safety code begins with. */
const CODE = 'starling-safety-1:'

const NUMBER_BYTES = 32

/** Both keys of a person. */
export interface Keys {
  peer: PeerIdString
  /** SHA-256 of their ML-DSA-65 key. */
  keyCommitment: Uint8Array
}

/** The same on both sides, another for any other key of either. */
export function safetyNumber(one: Keys, other: Keys): Uint8Array {
  const [low, high] = one.peer < other.peer ? [one, other] : [other, one]
  let hash = sha256(
    Uint8Array.of(
      ...new TextEncoder().encode('starling-safety-number\0'),
      ...publicKeyOf(low.peer),
      ...low.keyCommitment,
      ...publicKeyOf(high.peer),
      ...high.keyCommitment,
    ),
  )
  for (let round = 1; round < ROUNDS; round += 1) hash = sha256(hash)
  return hash
}

/** Words for the beginning of a safety number. People of every language compare the same (English) ones. */
export function safetyWords(number: Uint8Array): string[] {
  const bits = BigInt(`0x${bytesToHex(number)}`)
  return Array.from({ length: SAFETY_WORDS }, (_, index) => {
    const shift = BigInt(NUMBER_BYTES * 8 - WORD_BITS * (index + 1))
    return wordlist[Number((bits >> shift) & 0x7ffn)]!
  })
}

/** A safety number as a text to scan. */
export function safetyCode(number: Uint8Array): string {
  return CODE + base64url.encode(number).slice(1)
}

/** The number of a safety code, with blanks around it. @throws NotASafetyCodeError */
export function readSafetyCode(text: string): Uint8Array {
  const code = text.trim()
  if (!code.startsWith(CODE)) throw new NotASafetyCodeError('no safety code')
  // 43 characters of base64url are 32 bytes.
  if (code.length !== CODE.length + 43) throw new NotASafetyCodeError('cut off')
  try {
    return base64url.decode(`u${code.slice(CODE.length)}`)
  } catch (cause) {
    throw new NotASafetyCodeError('not base64url', { cause })
  }
}
