import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { connectSuffix, decodeConnectAddress } from '#lib/protocol/connect/addresses.ts'
import {
  CONNECT_MODES,
  decodeAck,
  decodeHello,
  decodeMode,
  decodeSessionId,
  MAX_SEQUENCE,
  newSessionId,
} from '#lib/protocol/connect/connect.ts'
import { systemRandom } from '#lib/protocol/seams.ts'

const invalid: unknown = expect.objectContaining({ name: 'InvalidDataError' })

test('the query says the mode, before the header, an upgrade and what is accepted', () => {
  const withoutMode = { upgrade: 'WebSocket', accept: 'text/event-stream, */*' }
  const headers = { 'x-connect-mode': 'longpoll', ...withoutMode }
  expect(decodeMode({ query: { mode: 'binary' }, headers })).toBe('binary')
  expect(decodeMode({ query: { transport: 'sse' }, headers })).toBe('sse')
  expect(decodeMode({ query: {}, headers })).toBe('longpoll')
  expect(decodeMode({ query: {}, headers: withoutMode })).toBe('ws')
  expect(decodeMode({ query: {}, headers: { accept: headers.accept } })).toBe('sse')
  expect(decodeMode({ query: {}, headers: { accept: '*/*' } })).toBe('binary')
  expect(decodeMode({ query: {}, headers: {} })).toBe('binary')
})

test.for([{ mode: 'telepathy' }, { mode: '' }, { mode: ['sse', 'binary'] }, { transport: 'SSE' }])(
  '%o is no mode',
  (query) => {
    expect(() => decodeMode({ query, headers: {} })).toThrow(invalid)
  },
)

test('the id of a session is 192 bits of chance', () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => newSessionId(systemRandom)))
  expect(ids.size).toBe(1_000)
  for (const id of ids) expect(decodeSessionId(id)).toBe(id)
})

test.for([undefined, '', 'a'.repeat(31), 'a'.repeat(33), `${'a'.repeat(31)}/`, ['a'.repeat(32)]])(
  '%o is no session',
  (text) => {
    expect(() => decodeSessionId(text)).toThrow(invalid)
  },
)

test('counts of frames go up to the last number there is', () => {
  expect(decodeAck('0')).toBe(0)
  expect(decodeAck(String(MAX_SEQUENCE))).toBe(MAX_SEQUENCE)
  for (const text of [String(MAX_SEQUENCE + 1), '', '-1', '1.5', 'x', '00000000001', undefined]) {
    expect(() => decodeAck(text)).toThrow(invalid)
  }
})

test('the first message of a WebSocket says session and count, and nothing else', () => {
  const session = 'a'.repeat(32)
  expect(decodeHello(`${session} 7`)).toEqual({ session, next: 7 })
  for (const text of [session, `${session} 7 8`, `${session}  7`, ` ${session} 7`, null]) {
    expect(() => decodeHello(text)).toThrow(invalid)
  }
})

test.for([
  ['/dns/relay.example/tcp/443', true, 'https://relay.example:443/connect'],
  ['/dns4/relay.example/tcp/8443', true, 'https://relay.example:8443/connect'],
  ['/ip4/127.0.0.1/tcp/8787', false, 'http://127.0.0.1:8787/connect'],
  ['/ip6/::1/tcp/8787', false, 'http://[::1]:8787/connect'],
] as const)('%s is reached over HTTP', ([place, secure, url]) => {
  const peer = '/p2p/12D3KooWA7ir68NuhnTVjSGXymNP1fcHM2ibBW4UnSsyFTpKWmGp'
  for (const mode of [null, ...CONNECT_MODES]) {
    const address = `${place}${connectSuffix(secure, mode)}`
    expect(decodeConnectAddress(multiaddr(address))).toEqual({ url, mode })
    expect(decodeConnectAddress(multiaddr(address + peer))).toEqual({ url, mode })
  }
})

test.for([
  '/dns/relay.example/tcp/443/tls/ws',
  '/dns/relay.example/tcp/443/tls/http',
  '/dns/relay.example/tcp/443/tls/http/http-path/other',
  '/dns/relay.example/tcp/443/tls/http/http-path/connect%2Fother',
  '/dns/relay.example/http/http-path/connect',
  '/ip4/1.2.3.4/udp/443/http/http-path/connect',
])('%s is another kind of address', (address) => {
  expect(decodeConnectAddress(multiaddr(address))).toBeNull()
})
