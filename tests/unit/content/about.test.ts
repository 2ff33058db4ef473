import { expect, test } from 'vitest'
import {
  ABOUT_CONTEXT,
  decodeAbout,
  encodeAbout,
  MAX_DESCRIPTION_CHARS,
  MAX_FILES,
  type About,
} from '#lib/content/about.ts'
import { InvalidDataError, InvalidSignatureError } from '#lib/protocol/errors.ts'
import { signerOf } from '../../fixtures/signers.ts'

const about: About = {
  name: 'holiday',
  description: 'from the sea',
  createdAtMs: 1,
  expiresAtMs: 2,
  creator: null,
  files: [{ path: 'beach.jpg', mediaType: 'image/jpeg', bytes: 3 }],
  leavesHash: new Uint8Array(32),
}

test('it is read as it was written, signed or not', async () => {
  const anna = await signerOf(1)
  const signed = { ...about, creator: { peer: anna.peer, name: 'Anna' } }
  expect(await decodeAbout(await encodeAbout(about, null))).toEqual(about)
  expect(await decodeAbout(await encodeAbout(signed, anna))).toEqual(signed)
})

test('nobody signs for somebody else', async () => {
  const [anna, boris] = [await signerOf(1), await signerOf(2)]
  const signed = { ...about, creator: { peer: anna.peer, name: 'Anna' } }
  const forged = await encodeAbout(signed, {
    ...boris,
    sign: () => boris.sign(ABOUT_CONTEXT, new Uint8Array(0)),
  })
  await expect(decodeAbout(forged)).rejects.toThrow(InvalidSignatureError)
  await expect(encodeAbout(signed, null)).rejects.toThrow(InvalidDataError)
  await expect(encodeAbout(about, anna)).rejects.toThrow(InvalidDataError)
})

test('as many files as there may be, with text as long as it may be, fit; one more does not', async () => {
  const many = (count: number): About => ({
    ...about,
    description: 'я'.repeat(MAX_DESCRIPTION_CHARS),
    files: Array.from({ length: count }, (_, at) => ({
      path: `holiday of the whole family/day ${at}/beach in the evening ${at}.jpg`,
      mediaType: 'image/jpeg',
      bytes: 4_000_000,
    })),
  })
  expect(await decodeAbout(await encodeAbout(many(MAX_FILES), null))).toEqual(many(MAX_FILES))
  await expect(encodeAbout(many(MAX_FILES + 1), null)).rejects.toThrow(InvalidDataError)
})

test.each<[string, Partial<About>]>([
  ['without files', { files: [] }],
  ['with two files of one path', { files: [...about.files, ...about.files] }],
  ['with a path that leads elsewhere', { files: [{ path: '../x', mediaType: '', bytes: 0 }] }],
  ['without a name', { name: '' }],
  ['with too long a text', { description: 'x'.repeat(MAX_DESCRIPTION_CHARS + 1) }],
])('none is written %s', async (_name, changes) => {
  await expect(encodeAbout({ ...about, ...changes }, null)).rejects.toThrow(InvalidDataError)
})
