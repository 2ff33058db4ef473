import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { SESSION_UNKNOWN_CODE } from '#lib/protocol/connect/connect.ts'
import {
  ackOf,
  encodeFrames,
  endOf,
  type Frame,
  FRAME_HEADER_BYTES,
  MAX_BATCH_BYTES,
  MAX_POST_BYTES,
} from '#lib/protocol/connect/frames.ts'
import type { Relay } from '#relay/relay.ts'
import { refused, startRelay } from './harness.ts'

const UNKNOWN = 'a'.repeat(32)

let relay: Relay
let url: string

beforeEach(async () => {
  relay = await startRelay()
  url = `${relay.address}/connect`
})

async function open(): Promise<string> {
  return await (await fetch(url, { method: 'POST' })).text()
}

function post(session: string, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { 'x-connect-session': session, 'content-type': 'application/octet-stream' }
  return fetch(url, { method: 'POST', headers, body })
}

function get(session: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers: { 'x-connect-session': session, 'x-connect-ack': '0', ...headers } })
}

test('a session that is not known is refused, whatever is asked of it', async () => {
  expect((await get(UNKNOWN)).status).toBe(404)
  expect((await post(UNKNOWN, encodeFrames([ackOf(0)]))).status).toBe(404)
  const socket = new WebSocket(`${url.replace('http', 'ws')}?mode=ws`)
  await once(socket, 'open')
  socket.send(`${UNKNOWN} 0`)
  expect(await once(socket, 'close')).toEqual([SESSION_UNKNOWN_CODE, Buffer.alloc(0)])
  expect(await refused(relay, 'connect-unknown')).toBe(3)
})

test('sessions are unguessable and never the same', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, open))
  expect(new Set(ids).size).toBe(8)
  for (const id of ids) expect(id).toMatch(/^[\w-]{32}$/)
})

test('a session that has ended is not known any more', async () => {
  const session = await open()
  expect((await post(session, encodeFrames([endOf(0)]))).status).toBe(200)
  expect((await get(session)).status).toBe(404)
})

test.for([
  ['no session', {}, 400],
  ['no count', { 'x-connect-ack': 'x' }, 400],
  ['more frames than were sent', { 'x-connect-ack': '1' }, 400],
  ['no mode', { 'x-connect-mode': 'telepathy' }, 400],
  ['a WebSocket without an upgrade', { 'x-connect-mode': 'ws' }, 426],
] as const)('%s is refused', async ([what, headers, status]) => {
  const session = what === 'no session' ? 'nobody' : await open()
  expect((await get(session, headers)).status).toBe(status)
})

test('a body is as long as allowed, and not longer', async () => {
  const session = await open()
  const data = new Uint8Array(MAX_BATCH_BYTES / 4 - FRAME_HEADER_BYTES)
  const frames = Array.from({ length: 4 }, (_, at): Frame => ({ type: 'data', number: at, data }))
  const body = encodeFrames([ackOf(0), ...frames])
  expect(body.byteLength).toBe(MAX_POST_BYTES)
  expect((await post(session, body)).status).toBe(200)
  const longer = encodeFrames([ackOf(0), ackOf(0), ...frames])
  expect((await post(await open(), longer)).status).toBe(413)
  expect(await refused(relay, 'connect-malformed')).toBe(1)
})

test('a page of another origin may use it, and says nothing of itself', async () => {
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: { Origin: 'https://a.example' },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  expect(preflight.headers.get('access-control-allow-headers')).toContain('x-connect-session')
  const answer = await get(UNKNOWN)
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(answer.headers.get('cache-control')).toBe('no-store, no-transform')
})

test('the newer of two answers has the place of the older', async () => {
  const session = await open()
  const older = await get(session)
  const newer = await get(session, { accept: 'text/event-stream' })
  expect(newer.headers.get('content-type')).toBe('text/event-stream')
  expect(newer.headers.get('x-connect-mode')).toBe('sse')
  // It ends; else this would wait for ever.
  expect((await older.arrayBuffer()).byteLength).toBe(FRAME_HEADER_BYTES)
  await newer.body?.cancel()
})

test('a body that comes byte by byte is cut, and so is a WebSocket that says nothing', async () => {
  const session = await open()
  const slow = rawSocket()
  slow.write(
    `POST /connect HTTP/1.1\r\nHost: a\r\nX-Connect-Session: ${session}\r\n` +
      'Content-Type: application/octet-stream\r\nContent-Length: 60000\r\n\r\n',
  )
  const dripping = setInterval(() => slow.write('x'), 100)
  onTestFinished(() => {
    clearInterval(dripping)
  })
  const silent = new WebSocket(`${url.replace('http', 'ws')}?mode=ws`)
  let ended = 0
  for (const each of [slow, silent]) each.on('close', () => (ended += 1))
  await expect.poll(() => ended).toBe(2)
})

function rawSocket(): Socket {
  const socket = connect(relay.port, '127.0.0.1')
  socket.on('error', () => undefined)
  onTestFinished(() => {
    socket.destroy()
  })
  return socket
}
