import type { Dice } from './dice.ts'

/** What means something to one of the readers, or is no proper text. */
const WORDS = [
  '#/c/',
  'web+starling:',
  'https://',
  'javascript:',
  '%',
  '%00',
  '%ff',
  '%E0%A4%A',
  '@',
  '/p2p-circuit',
  '/p2p/',
  '/ip6/',
  '/dns/x/tcp/443/tls/ws',
  '/webrtc',
  '/certhash/',
  'starling-safety-1:',
  '12D3KooW',
  '\ud800',
  '\udc00',
  '\u202e',
  '\u2066',
  '\u200b',
  '\u0301',
  '\0',
  '\n',
  ' ',
  '=',
  '-',
  '_',
  '[',
  ']',
  '::',
  '.',
  ':',
  ':99999',
  '//',
  '?',
  '#',
  '{',
  '}',
  '"',
  '\\',
  '\\u0000',
  'null',
  '1e999',
  '-0',
  '__proto__',
  '👩‍👩‍👧‍👦',
  'ﷺ',
  '\u{1f1e6}',
]

/** The text with one to four changes. */
export function changedText(dice: Dice, text: string): string {
  let changed = text
  for (let changes = 1 + dice.below(4); changes > 0; changes -= 1) changed = change(dice, changed)
  return changed
}

function change(dice: Dice, text: string): string {
  const at = dice.below(text.length + 1)
  const before = text.slice(0, at)
  switch (dice.below(7)) {
    case 0:
      return (
        before + String.fromCharCode(dice.below(dice.once(2) ? 128 : 0x10000)) + text.slice(at + 1)
      )
    case 1:
      return before + dice.pick(WORDS) + text.slice(at)
    case 2:
      return before
    case 3:
      return before + text.slice(at + 1 + dice.below(8))
    case 4:
      return before + text.slice(at, at + 1 + dice.below(16)) + text.slice(at)
    case 5:
      return before + dice.pick(WORDS).repeat(dice.pick([2, 30, 500, 5_000])) + text.slice(at)
    default:
      return text.slice(at) + before
  }
}
