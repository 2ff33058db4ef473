/** Accents (Unicode's block of combining diacritical marks), but not the one that makes й of и: a letter of its own. */
const ACCENTS = /(?<!и)[\u0300-\u036F]/g

/**
 * A text as searches compare it: without case, accents and forms of width, so that “белозеров” finds Белозёров and
 * “chloe” Chloë. It may be shorter or longer than the text.
 */
export function fold(text: string): string {
  return text.toLowerCase().normalize('NFKD').replace(ACCENTS, '').normalize('NFC')
}
