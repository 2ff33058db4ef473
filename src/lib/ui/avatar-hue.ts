/** Twelve hues in OKLCH degrees, evenly apart; lightness and chroma are the same for all of them. */
export const AVATAR_HUES = Array.from({ length: 12 }, (_, index) => 15 + index * 30)

/** The hue that goes with an id, the same in every browser. */
export function avatarHue(id: string): number {
  // FNV-1a over UTF-16 units: small, stable, and spreads ids that share a prefix.
  let hash = 0x811c9dc5
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193) >>> 0
  }
  return AVATAR_HUES[hash % AVATAR_HUES.length]!
}

/** One or two letters for a name: of its first and last word; without a letter or digit its first sign, such as an emoji. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word))
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined]
    .map((word) => /[\p{L}\p{N}]/u.exec(word ?? '')?.[0] ?? '')
    .join('')
  if (letters !== '') return letters.toLocaleUpperCase()
  const [first] = new Intl.Segmenter().segment(name.trim())
  return first?.segment ?? ''
}
