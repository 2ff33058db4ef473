import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { ExpiredError, InvalidSignatureError, StarlingError } from '#lib/protocol/errors.ts'
import { publicKeyOf } from '#lib/protocol/ids.ts'
import { peerIdSchema } from '#lib/protocol/schemas.ts'
import { requireFresh, signed, signedBytes } from '#lib/protocol/signed.ts'
import { signerOf } from '../../fixtures/signers.ts'

const schema = v.strictObject({ who: peerIdSchema, says: v.pipe(v.string(), v.maxLength(20)) })
const init = {
  schema,
  maxBytes: 120,
  signedBy: ({ who }: v.InferOutput<typeof schema>) => publicKeyOf(who),
}
const notes = signed({ ...init, context: 'note' })

describe('a signed object', async () => {
  const ada = await signerOf(1)
  const bob = await signerOf(2)
  const note = { who: ada.peer, says: 'hello' }

  test('opens to what was sealed', async () => {
    expect(await notes.open(await notes.seal(note, ada))).toEqual(note)
  })

  test('is the same bytes each time', async () => {
    expect(await notes.seal(note, ada)).toEqual(await notes.seal(note, ada))
  })

  test('cannot be sealed by somebody else', async () => {
    await expect(notes.seal(note, bob)).rejects.toThrow(StarlingError)
  })

  test('is not valid as another kind of object', async () => {
    const orders = signed({ ...init, context: 'order' })
    await expect(orders.open(await notes.seal(note, ada))).rejects.toThrow(InvalidSignatureError)
  })

  test('with any bit changed is refused', async () => {
    const bytes = await notes.seal(note, ada)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        await expect(notes.open(changed)).rejects.toThrow(StarlingError)
      }),
    )
  })

  test('any bytes open or throw our own error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        await expect(notes.open(bytes)).rejects.toThrow(StarlingError)
      }),
    )
  })

  test('is over the context, a zero and the body', () => {
    expect([...signedBytes('ab', Uint8Array.of(7))]).toEqual([97, 98, 0, 7])
  })
})

test('is fresh until it expires, not from then on', () => {
  expect(() => {
    requireFresh(1_000, 999)
  }).not.toThrow()
  expect(() => {
    requireFresh(1_000, 1_000)
  }).toThrow(ExpiredError)
})
