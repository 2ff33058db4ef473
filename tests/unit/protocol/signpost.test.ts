import { describe, expect, test } from 'vitest'
import { ExpiredError, InvalidDataError, InvalidSignatureError } from '#lib/protocol/errors.ts'
import {
  MAX_SIGNPOST_BYTES,
  SIGNPOST_LIFE_MS,
  openSignpost,
  sealSignpost,
  selectSignpost,
  type Signpost,
  signpostKey,
  signpostRelays,
  validateSignpost,
} from '#lib/protocol/signpost.ts'
import { PLACE_RELAYS } from '#lib/protocol/place.ts'
import { MAX_ADDRESS_CHARS } from '#lib/protocol/schemas.ts'
import { signerOf } from '../../fixtures/signers.ts'

const NOW = Date.UTC(2026, 0, 1)
const clock = { now: () => NOW }

describe('a signpost', async () => {
  const [mine, other] = [await signerOf(1), await signerOf(2)]
  const signpost: Signpost = {
    mailbox: mine.publicKey,
    sealed: new Uint8Array(1_088).fill(7),
    sequence: NOW,
    expiresAtMs: NOW + SIGNPOST_LIFE_MS,
  }

  test('opens until it expires, and not when it would stand for longer than one is needed', async () => {
    const bytes = await sealSignpost(signpost, mine)
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_SIGNPOST_BYTES)
    expect(await openSignpost(bytes, NOW)).toEqual(signpost)
    const behind = NOW - 24 * 60 * 60 * 1000
    expect(await openSignpost(bytes, behind)).toEqual(signpost)
    await expect(openSignpost(bytes, behind - 1)).rejects.toThrow(InvalidDataError)
    await expect(openSignpost(bytes, signpost.expiresAtMs)).rejects.toThrow(ExpiredError)
  })

  test('is of no time to come, as far as clocks agree on it', async () => {
    const dayMs = 24 * 60 * 60 * 1000
    const of = (sequence: number): Promise<Uint8Array> =>
      sealSignpost({ ...signpost, sequence }, mine)
    expect(await openSignpost(await of(NOW + dayMs), NOW)).toMatchObject({ sequence: NOW + dayMs })
    await expect(openSignpost(await of(NOW + dayMs + 1), NOW)).rejects.toThrow(InvalidDataError)
  })

  test('is of the mailbox’s owner alone', async () => {
    await expect(sealSignpost(signpost, other)).rejects.toThrow(InvalidDataError)
    const bytes = await sealSignpost(signpost, mine)
    bytes[bytes.length - 1]! ^= 1
    await expect(openSignpost(bytes, NOW)).rejects.toThrow(InvalidSignatureError)
  })

  test('stands in the DHT under its mailbox, and the newest counts', async () => {
    const bytes = await sealSignpost(signpost, mine)
    const newer = await sealSignpost({ ...signpost, sequence: NOW + 1 }, mine)
    await validateSignpost(clock)(signpostKey(mine.publicKey), bytes)
    const foreign = validateSignpost(clock)(signpostKey(other.publicKey), bytes)
    await expect(foreign).rejects.toThrow(InvalidDataError)
    expect(selectSignpost(signpostKey(mine.publicKey), [bytes, newer, new Uint8Array(3)])).toBe(1)
  })

  test('leads to as many relays as keep mailboxes, at full length', () => {
    const full = Array<string>(PLACE_RELAYS).fill('a'.repeat(MAX_ADDRESS_CHARS))
    expect(signpostRelays.decode(signpostRelays.encode(full))).toEqual(full)
    expect(() => signpostRelays.encode([...full, 'a'])).toThrow(InvalidDataError)
  })
})
