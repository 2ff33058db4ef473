/** The page in which files are shown: what its policy lets run is what stands in it, and nothing else. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync(new URL('../../../public/viewer.html', import.meta.url), 'utf8')
const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]*)"/.exec(page)![1]!

test.each(['script', 'style'])('its only %s is the one its policy names', (tag) => {
  const [inline, ...others] = page.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 'gs'))
  expect(others).toEqual([])
  const hash = createHash('sha256').update(inline![1]!).digest('base64')
  expect(policy).toContain(`${tag}-src 'sha256-${hash}';`)
})

test('its policy comes before what it speaks of, and leads nowhere', () => {
  expect(page.indexOf(policy)).toBeLessThan(page.indexOf('<style>'))
  const sources = policy.match(/(?:https?|wss?|data|\*|'self'|'unsafe-\w+')/g)
  expect(sources).toBeNull()
  expect(policy).toContain("default-src 'none'")
})
