/** Words asked for, to see that a phrase was written down. */
export const ASKED_WORDS = 3

/** Of a phrase of 24 words. */
const WORDS = 24

/** Different places in a phrase, from 1, in order. @param fraction gives numbers in [0, 1) */
export function askedPlaces(fraction: () => number): number[] {
  const left = Array.from({ length: WORDS }, (_, index) => index + 1)
  return Array.from(
    { length: ASKED_WORDS },
    () => left.splice(Math.floor(fraction() * left.length), 1)[0]!,
  ).toSorted((a, b) => a - b)
}
