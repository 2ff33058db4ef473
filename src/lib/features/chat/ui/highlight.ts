import { fold } from '../../../protocol/fold.ts'

/** A piece of a found text; `match` pieces are what was looked for. */
export interface HighlightPart {
  text: string
  match: boolean
}

/** Characters kept before the first match, so that it is in sight on one line. */
const LEAD_CHARACTERS = 24

/**
 * Cuts a found text (one line of it) around its matches. What the search takes for the same is.
 * Joined, the parts are the text from shortly before the first match on.
 */
export function highlight(text: string, query: string): HighlightPart[] {
  const line = text.replace(/\s+/g, ' ').trim()
  const matches = matchesIn(line, fold(query.trim().replace(/\s+/g, ' ')))
  const first = matches[0]
  if (!first) return [{ text: line, match: false }]
  const parts: HighlightPart[] = []
  const from = leadStart(line, first.start)
  let end = from
  const lead = from > 0 ? '…' : ''
  for (const match of matches) {
    const between = line.slice(end, match.start)
    if (between !== '' || (end === from && lead !== '')) {
      parts.push({ text: (end === from ? lead : '') + between, match: false })
    }
    parts.push({ text: line.slice(match.start, match.end), match: true })
    end = match.end
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

/** Where the folded text has the needle, in the text as it is. */
function matchesIn(line: string, needle: string): { start: number; end: number }[] {
  const matches: { start: number; end: number }[] = []
  if (needle === '') return matches
  let folded = ''
  /** Of each unit of `folded`, the letter of `line` it comes from. */
  const letters: { start: number; end: number }[] = []
  for (const { 0: letter, index: start } of line.matchAll(/\P{M}\p{M}*|\p{M}+/gu)) {
    const units = fold(letter)
    folded += units
    for (let unit = 0; unit < units.length; unit += 1) {
      letters.push({ start, end: start + letter.length })
    }
  }
  for (let at = 0; (at = folded.indexOf(needle, at)) !== -1; at += needle.length) {
    const start = letters[at]?.start ?? 0
    const end = letters[at + needle.length - 1]?.end ?? line.length
    if (start >= (matches.at(-1)?.end ?? 0)) matches.push({ start, end })
  }
  return matches
}
