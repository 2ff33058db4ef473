import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AVATAR_HUES } from '../../../src/lib/ui/avatar-hue.ts'
import { contrast, type Oklch } from '../../support/oklch.ts'

/** WCAG 2.2, 1.4.3: text. */
const TEXT = 4.5
/** WCAG 2.2, 1.4.11: outlines of controls and signs that carry a meaning. */
const SIGN = 3

const THEMES = ['light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

const tokens = new Map<string, Record<Theme, Oklch>>()
const PAIR = /--color-([\w-]+):\s*light-dark\(\s*oklch\(([\d. ]+)\),\s*oklch\(([\d. ]+)\)\s*\)/g
for (const [, name, light, dark] of read('src/app.css').matchAll(PAIR)) {
  tokens.set(name!, { light: numbers(light!), dark: numbers(dark!) })
}

function numbers(text: string): Oklch {
  const [lightness, chroma, hue] = text.trim().split(/\s+/).map(Number)
  return [lightness!, chroma!, hue!]
}

function token(name: string, theme: Theme): Oklch {
  const colour = tokens.get(name)
  if (colour === undefined) throw new Error(`app.css has no --color-${name}`)
  return colour[theme]
}

const grounds = ['bg', 'surface', 'sunken']

/** Each text colour with all it may stand on. */
const texts: Record<string, string[]> = {
  text: [...grounds, 'mine', 'theirs'],
  muted: [...grounds, 'theirs'],
  accent: [...grounds, 'mine', 'theirs'],
  good: grounds,
  warn: grounds,
  bad: [...grounds, 'mine', 'theirs'],
  'mine-muted': ['mine'],
  'on-accent': ['accent'],
  'on-bad': ['bad'],
  'on-gold': ['gold'],
  // Toasts are the page turned inside out.
  bg: ['text'],
}

describe.each(THEMES)('in the %s theme', (theme) => {
  const pairs = Object.entries(texts).flatMap(([text, on]) => on.map((ground) => [text, ground]))

  test.each(pairs)('%s on %s can be read', (text, ground) => {
    expect(contrast(token(text, theme), token(ground, theme))).toBeGreaterThanOrEqual(TEXT)
  })

  test.each(grounds)('the focus ring and the outline of a field are seen on %s', (ground) => {
    for (const sign of ['focus', 'edge']) {
      expect(contrast(token(sign, theme), token(ground, theme)), sign).toBeGreaterThanOrEqual(SIGN)
    }
  })

  test.each(AVATAR_HUES)('initials can be read on the avatar of hue %i', (hue) => {
    const disc =
      /oklch\(([\d.]+) ([\d.]+) var\(--hue\)\),\s*oklch\(([\d.]+) ([\d.]+) var\(--hue\)\)/
    const [, ...found] = disc.exec(read('src/lib/ui/Avatar.svelte'))!.map(Number)
    const [lightness, chroma] = theme === 'light' ? found : found.slice(2)
    const ratio = contrast(token('on-avatar', theme), [lightness!, chroma!, hue])
    expect(ratio).toBeGreaterThanOrEqual(TEXT)
  })
})
