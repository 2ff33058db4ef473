import { expect, test } from 'vitest'
import { contentIdOf } from '#lib/content/content-id.ts'
import { stretch } from '#lib/crypto/stretch.ts'
import { MalformedLinkError } from '#lib/features/transfers/errors.ts'
import {
  decodeLink,
  encodeLink,
  lockContent,
  MAX_LINK_BYTES,
  unlockContent,
  type Link,
} from '#lib/features/transfers/link.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const key = new Uint8Array(32).fill(9)

async function linkOf(changes: Partial<Link> = {}): Promise<Link> {
  return {
    content: contentIdOf(new Uint8Array(32).fill(7)),
    opener: { type: 'key', key },
    peers: [(await signerOf(1)).peer],
    relays: ['relay.example:4001'],
    ...changes,
  }
}

test('it is read as it was written, whatever it is wrapped in', async () => {
  const link = await linkOf()
  const text = encodeLink(link)
  expect(decodeLink(text)).toEqual(link)
  expect(decodeLink(`#/get/${text}`)).toEqual(link)
  expect(decodeLink(` https://starling.example/app/#/get/${text}, look!`)).toEqual(link)
})

test('a password opens what it locks, and no other', async () => {
  const opener = await lockContent(key, 'swallow', stretch, systemRandom)
  const read = decodeLink(encodeLink(await linkOf({ opener })))
  if (read.opener.type !== 'password') throw new Error('not locked')
  expect(await unlockContent(read.opener.lock, 'swallow', stretch)).toEqual(key)
  expect(await unlockContent(read.opener.lock, 'sparrow', stretch)).toBeNull()
})

test('relays that find no room are left out, and names of none are', async () => {
  const long = `${'x'.repeat(200)}.example`
  const text = encodeLink(await linkOf({ relays: ['not a host!', long, `a.${long}`] }))
  expect(text.length).toBeLessThanOrEqual(Math.ceil((MAX_LINK_BYTES * 4) / 3))
  expect(decodeLink(text).relays).toEqual([long])
})

test.each(['', 'hello', '#/c/abc', '#/get/', '#/get/AAAA', `#/get/${'A'.repeat(5_000)}`])(
  '%j is no link',
  (text) => {
    expect(() => decodeLink(text)).toThrow(MalformedLinkError)
  },
)

test('a link cut short is no link', async () => {
  const text = encodeLink(await linkOf())
  for (let length = 0; length < text.length; length += 7) {
    expect(() => decodeLink(text.slice(0, length))).toThrow(MalformedLinkError)
  }
})
