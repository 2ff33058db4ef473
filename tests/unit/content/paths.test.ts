import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanPath, isPath, MAX_FILE_NAME_BYTES, MAX_PATH_BYTES } from '#lib/content/paths.ts'

test.each(['beach.jpg', 'holiday/day 1/пляж.jpg', '.gitignore', 'a..b', '100% sure', '写真.png'])(
  '%s is a path',
  (path) => {
    expect(isPath(path)).toBe(true)
    expect(cleanPath(path)).toBe(path)
  },
)

test.each([
  ['', '_'],
  ['/etc/passwd', 'etc/passwd'],
  ['../../secrets', 'secrets'],
  ['a/./b', 'a/b'],
  ['C:\\autoexec.bat', 'C__autoexec.bat'],
  ['nul', '_nul'],
  ['COM1.txt', '_COM1.txt'],
  ['name.', 'name'],
  [' name ', 'name'],
  ['gpj\u202E.exe', 'gpj_.exe'],
  ['line\nbreak', 'line_break'],
  [`${'.'.repeat(300)}x`, '.x'],
  ['half \uD800', 'half \uFFFD'],
  ['e\u0301', '\u00E9'],
])('%j is none, but %j is', (path, clean) => {
  expect(isPath(path)).toBe(false)
  expect(cleanPath(path)).toBe(clean)
  expect(isPath(clean)).toBe(true)
})

test('a name too long is cut in front of its ending', () => {
  const long = `${'я'.repeat(200)}.jpeg`
  const clean = cleanPath(long)
  expect(clean.endsWith('я.jpeg')).toBe(true)
  expect(new TextEncoder().encode(clean).byteLength).toBeLessThanOrEqual(MAX_FILE_NAME_BYTES)
  expect(isPath('x'.repeat(MAX_FILE_NAME_BYTES))).toBe(true)
  expect(isPath('x'.repeat(MAX_FILE_NAME_BYTES + 1))).toBe(false)
})

test('a name that is made longer is no longer than any', () => {
  expect(isPath(cleanPath(`nul.${'x'.repeat(MAX_FILE_NAME_BYTES - 4)}`))).toBe(true)
})

test('a path too long loses its outer folders', () => {
  const clean = cleanPath(Array.from({ length: 20 }, () => 'x'.repeat(100)).join('/'))
  expect(clean.length).toBeLessThanOrEqual(MAX_PATH_BYTES)
  expect(isPath(clean)).toBe(true)
})

test('whatever is given, a path comes out', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
      expect(isPath(cleanPath(text))).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
