import { sha256 } from '@noble/hashes/sha2.js'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { publicKeyOf, type PeerIdString } from '../../protocol/ids.ts'

/** Words two people compare. */
export const SAFETY_WORDS = 4

/** Hashing that often makes looking for a key with the same words a thousand times as dear, and costs 2 ms. */
const ROUNDS = 1_024

/** Bits that choose one of the 2,048 words of BIP 39. */
const WORD_BITS = 11

/**
 * Four words that both sides see alike, derived from both public keys. People of every language compare the
 * same (English) words.
 */
export function safetyWords(one: PeerIdString, other: PeerIdString): string[] {
  const [low, high] = one < other ? [one, other] : [other, one]
  let hash = sha256(
    Uint8Array.of(
      ...new TextEncoder().encode('starling-safety-words\0'),
      ...publicKeyOf(low),
      ...publicKeyOf(high),
    ),
  )
  for (let round = 1; round < ROUNDS; round += 1) hash = sha256(hash)
  let bits = 0n
  for (const byte of hash.subarray(0, 8)) bits = (bits << 8n) | BigInt(byte)
  return Array.from({ length: SAFETY_WORDS }, (_, index) => {
    const shift = BigInt(64 - WORD_BITS * (index + 1))
    return wordlist[Number((bits >> shift) & 0x7ffn)]!
  })
}
