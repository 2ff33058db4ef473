/**
 * What ways to a relay are compared with: the same kind of connection with nothing of libp2p in it. Started by `RawServer`
 * (raw-ways.ts), to which it tells its port.
 *
 * A WebSocket gets back what it sends; text is a number of bytes it wants. Over HTTP what is POSTed comes down by
 * `GET /down?mode=…`; `GET /bytes?mode=…&bytes=…` gives so many.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { WebSocketServer } from 'ws'

/** As much as libp2p writes at a time. */
const CHUNK = new Uint8Array(64 * 1_024)

/** Who waits for what is POSTed: one client at a time. */
let down: { mode: string; answer: ServerResponse } | null = null

/** What was POSTed before a long poll came for it. */
const early: Uint8Array[] = []

const server = createServer((asked, answer) => {
  const { pathname, searchParams } = new URL(asked.url ?? '/', 'http://localhost')
  const mode = searchParams.get('mode') ?? 'binary'
  if (asked.method === 'POST') {
    void buffer(asked).then((body) => {
      answer.writeHead(204).end()
      if (down === null) early.push(body)
      else give(down.mode, down.answer, body)
    })
  } else if (pathname === '/bytes') {
    void bytes(mode, answer, Number(searchParams.get('bytes')))
  } else {
    down = { mode, answer }
    if (mode === 'longpoll') {
      const body = early.shift()
      if (body !== undefined) give(mode, answer, body)
      return
    }
    answer.writeHead(200)
    give(mode, answer, new Uint8Array(1))
  }
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) socket.send(data)
    else for (let left = Number(data.toString()); left > 0; left -= CHUNK.length) socket.send(CHUNK)
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)

/** Gives this; false when there is no room for more. */
function give(mode: string, answer: ServerResponse, body: Uint8Array): boolean {
  if (mode === 'sse') return answer.write(`data:${Buffer.from(body).toString('base64')}\n\n`)
  if (mode !== 'longpoll') return answer.write(body)
  answer.end(body)
  // The next one is waited for by another poll.
  if (answer === down?.answer) down = null
  return true
}

async function bytes(mode: string, answer: ServerResponse, count: number): Promise<void> {
  for (let left = count; left > 0; left -= CHUNK.length) {
    if (!give(mode === 'longpoll' ? 'binary' : mode, answer, CHUNK)) await once(answer, 'drain')
  }
  answer.end()
}
