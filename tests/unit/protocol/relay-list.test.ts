import { describe, expect, test } from 'vitest'
import { ExpiredError, InvalidDataError } from '#lib/protocol/errors.ts'
import {
  type ListedRelay,
  MAX_LISTED_ADDRESSES,
  MAX_LISTED_RELAYS,
  MAX_OPERATOR_CHARS,
  MAX_RELAY_LIST_BYTES,
  openRelayList,
  type RelayList,
  sealRelayList,
} from '#lib/protocol/relay-list.ts'
import { MAX_ADDRESS_CHARS } from '#lib/protocol/schemas.ts'
import { signerOf } from '../../fixtures/signers.ts'

const NOW = Date.UTC(2026, 0, 1)
const LONGEST = `/dns/${'a'.repeat(MAX_ADDRESS_CHARS - '/dns//tcp/443/tls/ws'.length)}/tcp/443/tls/ws`

describe('a relay list', async () => {
  const issuer = await signerOf(1)
  const listed = {
    peer: (await signerOf(2)).peer,
    addresses: Array<string>(MAX_LISTED_ADDRESSES).fill(LONGEST),
    operator: 'ж'.repeat(MAX_OPERATOR_CHARS),
    lastSeenWorkingAtMs: NOW,
  }
  const list: RelayList = {
    issuer: issuer.peer,
    issuedAtMs: NOW,
    expiresAtMs: NOW + 1,
    relays: Array<ListedRelay>(MAX_LISTED_RELAYS).fill(listed),
  }

  test('of full size opens until it expires', async () => {
    const bytes = await sealRelayList(list, issuer)
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_RELAY_LIST_BYTES)
    expect(await openRelayList(bytes, NOW)).toEqual(list)
    await expect(openRelayList(bytes, NOW + 1)).rejects.toThrow(ExpiredError)
  })

  test.each([
    ['one relay more', { relays: [...list.relays, listed] }],
    ['one address more', { relays: [{ ...listed, addresses: [...listed.addresses, LONGEST] }] }],
    ['no address', { relays: [{ ...listed, addresses: [] }] }],
    ['a longer operator', { relays: [{ ...listed, operator: `${listed.operator}ж` }] }],
  ])('with %s is refused', async (_what, change) => {
    await expect(sealRelayList({ ...list, ...change }, issuer)).rejects.toThrow(InvalidDataError)
  })

  test('without an operator is fine', async () => {
    const { peer, addresses, lastSeenWorkingAtMs } = listed
    const anonymous = { peer, addresses, lastSeenWorkingAtMs }
    const bytes = await sealRelayList({ ...list, relays: [anonymous] }, issuer)
    expect((await openRelayList(bytes, NOW)).relays).toEqual([anonymous])
  })
})
