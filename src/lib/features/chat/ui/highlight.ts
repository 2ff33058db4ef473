/** A piece of a found text; `match` pieces are what was looked for. */
export interface HighlightPart {
  text: string
  match: boolean
}

/** Characters kept before the first match, so that it is in sight on one line. */
const LEAD_CHARACTERS = 24

/**
 * Cuts a found text (one line of it) around its matches. Case is ignored, as the search does.
 * Joined, the parts are the text from shortly before the first match on.
 */
export function highlight(text: string, query: string): HighlightPart[] {
  const line = text.replace(/\s+/g, ' ').trim()
  const needle = query.trim().replace(/\s+/g, ' ')
  if (needle === '') return [{ text: line, match: false }]
  const finder = new RegExp(escapePattern(needle), 'giu')
  const matches = [...line.matchAll(finder)]
  const first = matches[0]
  if (!first) return [{ text: line, match: false }]
  const parts: HighlightPart[] = []
  const from = leadStart(line, first.index)
  let end = from
  const lead = from > 0 ? '…' : ''
  for (const match of matches) {
    const between = line.slice(end, match.index)
    if (between !== '' || (end === from && lead !== '')) {
      parts.push({ text: (end === from ? lead : '') + between, match: false })
    }
    parts.push({ text: match[0], match: true })
    end = match.index + match[0].length
  }
  if (end < line.length) parts.push({ text: line.slice(end), match: false })
  return parts
}

/** The start of a word shortly before the match. */
function leadStart(line: string, matchAt: number): number {
  if (matchAt <= LEAD_CHARACTERS) return 0
  const space = line.indexOf(' ', matchAt - LEAD_CHARACTERS)
  return space === -1 || space >= matchAt ? matchAt : space + 1
}

/** A query is text, never a pattern. */
function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
