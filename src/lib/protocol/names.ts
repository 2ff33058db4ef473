/** The longest name a person may take, in characters as a person counts them (graphemes). */
export const MAX_NAME_CHARACTERS = 40

/**
 * The longest name in UTF-8 bytes, so that a card with any name fits its link: 40 characters of three bytes, which
 * all living scripts have. An emoji can take four and more.
 */
export const MAX_NAME_BYTES = 120

/**
 * What must not stand in a name: control characters, halves of surrogate pairs, private ones, characters that turn the
 * direction of text around, and ones that show nothing. Scripts and emoji need the joiners U+200C and U+200D,
 * flags need tags.
 */
const UNWANTED =
  /(?!\u200C|\u200D|[\u{E0020}-\u{E007F}])\p{Cf}|\p{Cc}|\p{Cs}|\p{Co}|\u034F|\u115F|\u1160|\u17B4|\u17B5|[\u180B-\u180D\u180F]|\u2065|\u2800|\u3164|\uFFA0/gu

const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u

/** The name as it is shown: composed (NFC), without what cannot be seen, single blanks. May be empty. */
export function cleanName(text: string): string {
  const cleaned = text
    // U+FEFF counts as a blank in a regular expression and nowhere else.
    .replace(/[^\S\uFEFF]/gu, ' ')
    .replace(UNWANTED, '')
    .normalize('NFC')
    .replace(/ +/g, ' ')
    .trim()
  return VISIBLE.test(cleaned) ? cleaned : ''
}

/** Whether a cleaned name is there and not too long. */
export function isValidName(name: string): boolean {
  return (
    name !== '' &&
    utf8Bytes(name) <= MAX_NAME_BYTES &&
    graphemes(name).length <= MAX_NAME_CHARACTERS
  )
}

/** A cleaned name cut to what `isValidName` takes, between characters. */
export function shortenName(name: string): string {
  let short = ''
  for (const character of graphemes(name).slice(0, MAX_NAME_CHARACTERS)) {
    if (utf8Bytes(short + character) > MAX_NAME_BYTES) break
    short += character
  }
  return cleanName(short)
}

function graphemes(text: string): string[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return [...segmenter.segment(text)].map(({ segment }) => segment)
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).byteLength
}
