import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cardFragment,
  decodeCardText,
  MAX_CARD_RELAYS,
  MAX_FRAGMENT_CHARS,
  openCard,
  sealCard,
  type Card,
} from '#lib/features/contacts/card.ts'
import { MAX_CODE_CHARS, parseCode, plainCode } from '#lib/features/contacts/code.ts'
import {
  ExpiredCodeError,
  ForeignCodeError,
  MalformedCodeError,
  NewerCodeError,
  TamperedCodeError,
} from '#lib/features/contacts/errors.ts'
import { InvalidDataError, StarlingError } from '#lib/protocol/errors.ts'
import { cleanName, isValidName, MAX_NAME_BYTES } from '#lib/protocol/names.ts'
import { signerOf } from '../../../fixtures/signers.ts'
import { frozen } from '../../../fixtures/vectors.ts'

const anna = await signerOf(1)
const ben = await signerOf(2)
const NOW = Date.UTC(2026, 0, 1)
const BASE: Card = {
  peer: anna.peer,
  name: 'Анна',
  keyCommitment: new Uint8Array(32).fill(9),
  relays: ['relay.example.org', 'localhost:8787'],
  expiresAtMs: null,
}

const validName = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('щ', '漢', '👩‍👩‍👧', 'é', 'x', ' '), maxLength: 40 }),
  )
  .map(cleanName)
  .filter(isValidName)
const host = fc
  .tuple(fc.domain(), fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null }))
  .map(([name, port]) => (port === null ? name : `${name}:${port}`))
const cards = fc.record({
  name: validName,
  keyCommitment: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  relays: fc.array(host, { maxLength: 5 }),
  expiresAtMs: fc.option(
    fc.integer({ min: NOW / 1000 + 1, max: 2 ** 32 - 1 }).map((seconds) => seconds * 1000),
    { nil: null },
  ),
})

test('any valid card fits its link and comes back as it was, but for relays that do not fit', async () => {
  await fc.assert(
    fc.asyncProperty(cards, async (fields) => {
      const card: Card = { ...fields, peer: anna.peer }
      const fragment = cardFragment(await sealCard(card, anna))
      expect(fragment.length).toBeLessThanOrEqual(MAX_FRAGMENT_CHARS)
      const opened = await openCard(decodeCardText(fragment.slice(4)), NOW)
      const { relays, ...rest } = opened
      const { relays: all, ...expected } = card
      expect(rest).toEqual(expected)
      expect(relays).toEqual(all.slice(0, relays.length))
    }),
    { numRuns: 200 },
  )
})

test('the longest name still leaves room for a relay', async () => {
  const name = '漢'.repeat(MAX_NAME_BYTES / 3)
  const sealed = await sealCard(
    { ...BASE, name, relays: ['relay.example.org:8787'], expiresAtMs: 4e12 },
    anna,
  )
  expect(cardFragment(sealed).length).toBeLessThanOrEqual(MAX_FRAGMENT_CHARS)
  expect((await openCard(sealed, NOW)).relays).toEqual(['relay.example.org:8787'])
})

test('a card holds no more relays than a browser has, and only hosts', async () => {
  const relays = ['a.example', '/ip4/1.2.3.4', 'b.example', '[::1]:80', 'd.example']
  const opened = await openCard(await sealCard({ ...BASE, relays }, anna), NOW)
  expect(opened.relays).toEqual(['a.example', 'b.example', '[::1]:80'])
  expect(opened.relays).toHaveLength(MAX_CARD_RELAYS)
})

test('a name that is not valid is not put on a card', async () => {
  for (const name of ['', 'x'.repeat(41), ' x', '\u202Ex']) {
    await expect(sealCard({ ...BASE, name }, anna)).rejects.toThrow(InvalidDataError)
  }
})

test('nobody signs a card of somebody else', async () => {
  await expect(sealCard(BASE, ben)).rejects.toThrow(InvalidDataError)
})

test('any bytes are a card or a refusal', async () => {
  const sealed = await sealCard(BASE, anna)
  const mutated = fc
    .tuple(fc.nat(sealed.byteLength - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, change]) => sealed.map((byte, index) => (index === at ? byte ^ change : byte)))
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated), async (bytes) => {
      await expect(openCard(bytes, NOW)).rejects.toThrow(StarlingError)
    }),
    { numRuns: 300 },
  )
})

describe('a code that does not work says why', () => {
  test('expired, from its second on', async () => {
    const sealed = await sealCard({ ...BASE, expiresAtMs: NOW }, anna)
    expect((await openCard(sealed, NOW - 1)).expiresAtMs).toBe(NOW)
    await expect(openCard(sealed, NOW)).rejects.toThrow(ExpiredCodeError)
  })

  test('tampered with', async () => {
    const sealed = await sealCard(BASE, anna)
    const signature = sealed.with(-1, sealed.at(-1)! ^ 1)
    await expect(openCard(signature, NOW)).rejects.toThrow(TamperedCodeError)
    const key = sealed.with(10, sealed[10]! ^ 1)
    await expect(openCard(key, NOW)).rejects.toThrow(TamperedCodeError)
  })

  test('of a newer version', async () => {
    const sealed = await sealCard(BASE, anna)
    await expect(openCard(sealed.with(0, 2), NOW)).rejects.toThrow(NewerCodeError)
    await expect(openCard(sealed.with(0, 0), NOW)).rejects.toThrow(MalformedCodeError)
    await expect(openCard(sealed.with(0, 200), NOW)).rejects.toThrow(MalformedCodeError)
  })

  test.each([
    'https://t.me/somebody',
    't.me/somebody',
    'https://wa.me/4915112345678',
    'WIFI:T:WPA;S:home;P:secret;;',
    'https://example.org/',
    'tel:+4915112345678',
    'mailto:anna@example.org',
    'otpauth://totp/x?secret=abc',
  ])('foreign: %s', async (code) => {
    await expect(parseCode(code, NOW)).rejects.toThrow(ForeignCodeError)
  })

  test.each([
    '',
    'hello',
    '#/c/',
    '#/c/AAAA',
    '#/c/%E0%A4%A',
    'web+starling:',
    anna.peer.slice(0, -1),
    `${anna.peer}@nowhere`,
    `${anna.peer}@/ip4/1.2.3.4/tcp/1/p2p/${ben.peer}`,
    `${anna.peer}@/ip4/1.2.3.4@/ip4/1.2.3.4`,
    'x'.repeat(MAX_CODE_CHARS + 1),
  ])('malformed: %s', async (code) => {
    await expect(parseCode(code, NOW)).rejects.toThrow(MalformedCodeError)
  })

  test('cut off while copying', async () => {
    const fragment = cardFragment(await sealCard(BASE, anna))
    for (const end of [-1, -2, -40, 20]) {
      await expect(parseCode(fragment.slice(0, end), NOW)).rejects.toThrow(MalformedCodeError)
    }
  })

  test('any text is a code or a refusal', async () => {
    const pieces = fc.constantFrom('#/c/', 'web+starling:', anna.peer, '@', '/ip4/1.2.3.4', 'AAAA')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 6 }), async (parts) => {
        await parseCode(parts.join(''), NOW).catch((error: unknown) => {
          expect(error).toBeInstanceOf(StarlingError)
        })
      }),
      { numRuns: 500 },
    )
  })
})

test('the same card is read out of everything it comes in', async () => {
  const fragment = cardFragment(await sealCard(BASE, anna))
  const bare = fragment.slice('#/c/'.length)
  const uri = `web+starling:c/${bare}`
  for (const code of [
    fragment,
    bare,
    uri,
    `web+starling:${bare}`,
    `web+starling://c/${bare}`,
    `WEB+Starling:#/c/${bare}`,
    `https://relay.example.org/${fragment}`,
    `  http://localhost:8787/${fragment}\n`,
    `#/c/${encodeURIComponent(uri)}`,
    `Вот моя ссылка: http://localhost:8787/${fragment} пиши!`,
    `(https://relay.example.org/${fragment}). Bye`,
    `Open ${uri}, please.`,
  ]) {
    expect(await parseCode(code, NOW)).toEqual({ type: 'card', ...BASE })
  }
})

test('the plain form goes out and comes in', async () => {
  const address = `/dns4/relay.example.org/tcp/443/wss/p2p/${ben.peer}/p2p-circuit`
  expect(await parseCode(plainCode(anna.peer, address), NOW)).toEqual({
    type: 'plain',
    peer: anna.peer,
    relays: [address],
  })
  expect(await parseCode(plainCode(anna.peer, null), NOW)).toEqual({
    type: 'plain',
    peer: anna.peer,
    relays: [],
  })
  expect(await parseCode(`My address:\n${plainCode(anna.peer, address)} ok?`, NOW)).toMatchObject({
    peer: anna.peer,
    relays: [address],
  })
})

test('cards of before are still read, and made the same', async () => {
  const { card } = frozen('card-1') as { card: string }
  expect(await parseCode(card, NOW)).toEqual({ type: 'card', ...BASE })
  expect(cardFragment(await sealCard(BASE, anna))).toBe(card)
})
