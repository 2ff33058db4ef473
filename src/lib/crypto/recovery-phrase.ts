/**
 * The recovery phrase: the 32 bytes of the Ed25519 seed as 24 English words with a checksum
 * (https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki). It is the seed itself, so BIP 39's own way from
 * words to a seed (PBKDF2 with a passphrase) plays no part, and the words mean nothing to a wallet.
 */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import type { Random } from '../protocol/seams.ts'

/** Words of a phrase: 11 bits each, 256 of the seed and 8 of the checksum. */
export const PHRASE_WORDS = 24

/** Longest text looked at, in UTF-16 units: each word has at most 8 letters, and may stand with its number. */
export const MAX_PHRASE_CHARS = 1_024

/** Words suggested for one that is not in the list. */
export const MAX_SUGGESTIONS = 3

/** What a text is as a phrase, or the first that is wrong with it. */
export type PhraseReading =
  | { type: 'phrase'; seed: Uint8Array<ArrayBuffer> }
  | { type: 'count'; count: number }
  /** `place` counts from 1. The nearest word comes first. */
  | { type: 'word'; place: number; word: string; suggestions: string[] }
  /** Each word is one, but they do not belong together: one is another, or two have changed places. */
  | { type: 'checksum' }

/** @param seed 32 bytes */
export function phraseOf(seed: Uint8Array): string[] {
  return entropyToMnemonic(seed, wordlist).split(' ')
}

/** Reads words in any case, apart by anything that is no letter: spaces, lines, numbers in a list. */
export function readPhrase(text: string): PhraseReading {
  const words =
    text
      .slice(0, MAX_PHRASE_CHARS)
      .normalize('NFKD')
      .toLowerCase()
      .match(/\p{L}+/gu) ?? []
  const strange = words.findIndex((word) => !wordlist.includes(word))
  if (strange !== -1) {
    const word = words[strange]!
    return { type: 'word', place: strange + 1, word, suggestions: suggestions(word) }
  }
  if (words.length !== PHRASE_WORDS) return { type: 'count', count: words.length }
  try {
    return { type: 'phrase', seed: Uint8Array.from(mnemonicToEntropy(words.join(' '), wordlist)) }
  } catch {
    // Of as many words of the list only the checksum can be wrong.
    return { type: 'checksum' }
  }
}

/** Words of the same list, of 11 bits each, for a password that is typed from a screen. */
export function randomWords(random: Random, count: number): string[] {
  return Array.from({ length: count }, () => {
    const [high, low] = random.bytes(2)
    return wordlist[((high! << 8) | low!) % wordlist.length]!
  })
}

/** Words of the list that are one or two slips away. */
function suggestions(word: string): string[] {
  return wordlist
    .map((each) => ({ each, slips: slipsBetween(word, each) }))
    .filter(({ slips }) => slips <= 2)
    .sort((a, b) => a.slips - b.slips)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ each }) => each)
}

/** Letters put in, left out, changed, or swapped with the next (optimal string alignment distance). */
function slipsBetween(a: string, b: string): number {
  // No word of the list has more than 8 letters; longer ones need not be measured.
  if (Math.abs(a.length - b.length) > 2) return Infinity
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1]
      let slips = Math.min(
        rows[row - 1]![column]! + 1,
        line[column - 1]! + 1,
        rows[row - 1]![column - 1]! + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        slips = Math.min(slips, rows[row - 2]![column - 2]! + 1)
      }
      line.push(slips)
    }
    rows.push(line)
  }
  return rows[a.length]![b.length]!
}
