import { fold } from './fold.ts'

/**
 * Letters of other scripts that look like a Latin one in upper or lower case, and digits like letters: those in names
 * people here have. All of them are in https://www.unicode.org/Public/security/latest/confusables.txt, whose rest
 * nobody would type.
 */
const LOOKS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аα',
    b: 'вβ',
    c: 'сϲ',
    e: 'еε',
    h: 'нһη',
    i: 'іιı1|',
    j: 'јϳ',
    k: 'кκ',
    l: 'ӏ',
    m: 'мμ',
    n: 'ν',
    o: 'оο0',
    p: 'рρ',
    s: 'ѕ',
    t: 'тτ',
    x: 'хχ',
    y: 'уүυ',
    z: 'ζ',
  }).flatMap(([latin, others]) => [...others].map((other) => [other, latin] as const)),
)

/** Two names with the same skeleton look alike to somebody in a hurry. */
export function skeleton(name: string): string {
  const letters = [...fold(name)].map((letter) => LOOKS.get(letter) ?? letter)
  // A small l and a capital I are one stroke, wherever they stand.
  return letters
    .join('')
    .replaceAll('l', 'i')
    .replaceAll(/[\s\p{P}]+/gu, ' ')
    .trim()
}
