import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MAX_SHOWN_BYTES, MAX_SHOWN_TEXT_BYTES } from '#lib/ui/safe-media.ts'
import { ShownFile } from '#lib/ui/shown-file.svelte.ts'

beforeEach(() => {
  let addresses = 0
  vi.spyOn(URL, 'createObjectURL').mockImplementation(() => `blob:${(addresses += 1)}`)
  vi.spyOn(URL, 'revokeObjectURL').mockImplementation(() => undefined)
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** A file in pieces, and how many of them were read. */
function fileOf(mediaType: string, ...pieces: Uint8Array<ArrayBuffer>[]) {
  const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const given = { pieces: 0 }
  const file = new ShownFile({
    mediaType,
    bytes,
    async *read() {
      for (const piece of pieces) {
        given.pieces += 1
        yield await Promise.resolve(piece)
      }
    },
  })
  return { file, given }
}

const utf8 = (text: string) => new TextEncoder().encode(text)

test('a text is shown as the signs it is made of, whatever they would mean elsewhere', async () => {
  const { file } = fileOf(
    'text/plain;charset=utf-8',
    utf8('<script>al'),
    utf8('ert(1)</script> да'),
  )
  await file.load()
  expect(file.content).toBe('<script>alert(1)</script> да')
  expect(file.url).toBeNull()
  expect(file.cut).toBe(false)
})

test('of a long text the beginning is shown, and no more is read; no sign is cut in two', async () => {
  const half = new Uint8Array(MAX_SHOWN_TEXT_BYTES / 2).fill(0x61)
  const sign = utf8('я')
  const { file, given } = fileOf('text/plain', half, half.subarray(1), sign, half, half)
  await file.load()
  expect(given.pieces).toBe(3)
  expect(file.cut).toBe(true)
  expect(file.content).toBe('a'.repeat(MAX_SHOWN_TEXT_BYTES - 1))
})

test('a text that is none is shown as far as it can be', async () => {
  const { file } = fileOf('text/plain', Uint8Array.of(0x61, 0xff, 0x62))
  await file.load()
  expect(file.content).toBe('a\u{fffd}b')
})

test.each(['text/html', 'image/svg+xml', 'application/pdf', '', 'constructor'])(
  'nothing of type “%s” is read to be shown',
  async (mediaType) => {
    const { file, given } = fileOf(mediaType, utf8('<svg/>'))
    await file.load()
    expect(file.kind).toBeNull()
    expect(given.pieces).toBe(0)
  },
)

test('a picture has an address until it is let go, and can be shown again', async () => {
  const { file } = fileOf('image/png', utf8('png'))
  await file.load()
  expect(file.url).toBe('blob:1')
  file.release()
  expect(URL.revokeObjectURL).toHaveBeenCalledWith('blob:1')
  expect(file.url).toBeNull()
  await file.load()
  expect(file.url).toBe('blob:2')
})

test('what cannot be read says so, and is tried again', async () => {
  let broken = true
  const file = new ShownFile({
    mediaType: 'text/plain',
    bytes: 1,
    async *read() {
      if (broken) throw new Error('gone')
      yield await Promise.resolve(utf8('a'))
    },
  })
  await file.load()
  expect(file.failed).toBe(true)
  broken = false
  await file.load()
  expect([file.failed, file.content]).toEqual([false, 'a'])
})

test('a picture too large to be held in memory is only saved; a text is not too large to begin with', () => {
  const read = () => {
    throw new Error('read')
  }
  const bytes = MAX_SHOWN_BYTES + 1
  expect(new ShownFile({ mediaType: 'image/png', bytes, read }).kind).toBeNull()
  expect(new ShownFile({ mediaType: 'text/plain', bytes, read }).kind).toBe('text')
})
