/**
 * A text as what it shows: plain runs and links. Nothing here is ever parsed as HTML.
 *
 * A link's `href` is http, https or mailto and nothing else. `host` is set when the name in the text is not
 * the name that is asked for in the DNS (internationalised names): showing it beside the link keeps a look-alike
 * from passing for the real one.
 */
export type TextPart =
  { type: 'text'; text: string } | { type: 'link'; text: string; href: string; host: string | null }

/** A link longer than this stays plain text; browsers and servers stop at about the same length. */
export const MAX_LINK_CHARACTERS = 2048

/** Controls that turn the direction of text: inside a link they could show one address and open another. */
const BIDI = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069'
const BODY = `[^\\s<>"${BIDI}]`
const CANDIDATE = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:https?://${BODY}+|www\\.${BODY}+|mailto:${BODY}+|[\\w.+-]{1,64}@[\\p{L}\\p{N}-]+(?:\\.[\\p{L}\\p{N}-]+)+)`,
  'giu',
)

/** Splits a message at its links. Joined again, the `text` of all parts is the message. */
export function textParts(text: string): TextPart[] {
  const parts: TextPart[] = []
  let end = 0
  for (const match of text.matchAll(CANDIDATE)) {
    // Checked before it is looked at any closer: the work below grows with the square of the length.
    if (match[0].length > MAX_LINK_CHARACTERS) continue
    const shown = trimEnd(match[0])
    const link = toLink(shown)
    if (!link) continue
    if (match.index > end) parts.push({ type: 'text', text: text.slice(end, match.index) })
    parts.push(link)
    end = match.index + shown.length
  }
  if (end < text.length) parts.push({ type: 'text', text: text.slice(end) })
  return parts
}

function toLink(shown: string): TextPart | null {
  const address = withScheme(shown)
  const url = URL.parse(address)
  if (!url) return null
  if (url.protocol === 'mailto:') {
    return url.pathname.includes('@')
      ? { type: 'link', text: shown, href: url.href, host: null }
      : null
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null
  // `https://bank.example@elsewhere.example` reads as the bank and opens elsewhere.
  if (url.username !== '' || url.password !== '') return null
  if (
    !url.hostname.includes('.') &&
    url.hostname !== 'localhost' &&
    !url.hostname.startsWith('[')
  ) {
    return null
  }
  const asTyped = address.slice(url.protocol.length + 2).toLowerCase()
  const honest = asTyped.startsWith(url.hostname)
  return { type: 'link', text: shown, href: url.href, host: honest ? null : url.hostname }
}

function withScheme(shown: string): string {
  if (/^(?:https?|mailto):/i.test(shown)) return shown
  return /^www\./i.test(shown) ? `https://${shown}` : `mailto:${shown}`
}

/** A sentence's own punctuation at the end, and a bracket that was opened before the link, are not part of it. */
function trimEnd(candidate: string): string {
  let end = candidate.length
  for (;;) {
    const last = candidate[end - 1]
    if (last === undefined) break
    const body = candidate.slice(0, end)
    const closes = last === ')' ? '(' : last === ']' ? '[' : null
    const unbalanced = closes !== null && body.split(closes).length < body.split(last).length
    if (!unbalanced && !/[.,:;!?'»”…*_]/u.test(last)) break
    end--
  }
  return candidate.slice(0, end)
}
