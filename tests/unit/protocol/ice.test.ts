import { expect, test } from 'vitest'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import {
  iceRequest,
  iceResponse,
  iceUrl,
  type IcePlace,
  type IceResponse,
  MAX_ICE_CREDENTIAL_CHARS,
  MAX_ICE_HOST_CHARS,
  MAX_ICE_LIFE_MS,
  MAX_ICE_SERVERS,
} from '#lib/protocol/ice.ts'

const PLACE: IcePlace = { scheme: 'turn', host: null, port: 3478, transport: 'udp' }

function answer(change: object): IceResponse {
  return {
    type: 'servers',
    servers: [PLACE],
    username: '1:a',
    password: 'b',
    lifeMs: 1,
    ...change,
  }
}

const most = answer({
  servers: Array.from({ length: MAX_ICE_SERVERS }, () => ({
    ...PLACE,
    scheme: 'turns',
    transport: 'tcp',
    host: 'a'.repeat(MAX_ICE_HOST_CHARS),
    port: 65_535,
  })),
  username: 'u'.repeat(MAX_ICE_CREDENTIAL_CHARS),
  password: 'p'.repeat(MAX_ICE_CREDENTIAL_CHARS),
  lifeMs: MAX_ICE_LIFE_MS,
})

test('what is asked and answered comes back, up to the limits', () => {
  expect(iceRequest.decode(iceRequest.encode({ type: 'servers' }))).toEqual({ type: 'servers' })
  for (const response of [answer({}), most, { type: 'refused', reason: 'busy' } as const]) {
    expect(iceResponse.decode(iceResponse.encode(response))).toEqual(response)
  }
})

test.each<[string, object]>([
  ['more servers', { servers: Array.from({ length: MAX_ICE_SERVERS + 1 }, () => PLACE) }],
  ['a longer host', { servers: [{ ...PLACE, host: 'a'.repeat(MAX_ICE_HOST_CHARS + 1) }] }],
  ['a longer name', { username: 'u'.repeat(MAX_ICE_CREDENTIAL_CHARS + 1) }],
  ['a longer password', { password: 'p'.repeat(MAX_ICE_CREDENTIAL_CHARS + 1) }],
  ['a longer life', { lifeMs: MAX_ICE_LIFE_MS + 1 }],
  ['no life', { lifeMs: 0 }],
  ['another scheme', { servers: [{ ...PLACE, scheme: 'https' }] }],
  ['a host that goes on as something else', { servers: [{ ...PLACE, host: 'a?transport=tcp' }] }],
  ['a host with a port', { servers: [{ ...PLACE, host: 'a.example:22' }] }],
  ['port 0', { servers: [{ ...PLACE, port: 0 }] }],
  ['a port past the last', { servers: [{ ...PLACE, port: 65_536 }] }],
])('%s: no answer', (_, change) => {
  expect(() => iceResponse.encode(answer(change))).toThrow(InvalidDataError)
})

test('servers are addresses as browsers take them', () => {
  const url = (change: Partial<IcePlace>): string =>
    iceUrl({ ...PLACE, ...change }, 'relay.example')
  expect(url({})).toBe('turn:relay.example:3478?transport=udp')
  expect(url({ scheme: 'stun' })).toBe('stun:relay.example:3478')
  expect(url({ scheme: 'turns', host: '[2001:db8::1]', port: 443, transport: 'tcp' })).toBe(
    'turns:[2001:db8::1]:443?transport=tcp',
  )
})
