import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { seededRandom } from '../fixtures/seeded-random.ts'

export interface BadProxyInit {
  /** Answers are held until they are complete. */
  buffers?: boolean
  /** One of so many requests, and of so many answers, is cut somewhere; none by default. */
  cutsOneOf?: number
  seed?: number
}

/** A box in the middle that lets no WebSocket through, and does to requests what such boxes do. */
export interface BadProxy {
  port: number
  /** Requests and answers cut so far. */
  cuts(): number
  /** From now on it cuts nothing. */
  heal(): void
}

export async function badProxy(
  relay: { port: number },
  { buffers = false, cutsOneOf = Infinity, seed = 1 }: BadProxyInit = {},
): Promise<BadProxy> {
  const random = seededRandom(seed)
  let cuts = 0
  let healed = false
  /** After how many bytes to cut; `Infinity`: not at all. */
  const cutAfter = (): number => {
    if (healed || random.fraction() * cutsOneOf >= 1) return Infinity
    return Math.floor(random.fraction() ** 2 * 100_000)
  }
  const server = createServer((near, answer) => {
    pass(near, answer)
  })
  const pass = (near: IncomingMessage, answer: ServerResponse): void => {
    const cut = (): void => {
      cuts += 1
      near.socket.destroy()
      far.destroy()
    }
    const { method, url, headers } = near
    const far = request(
      { port: relay.port, host: '127.0.0.1', method, path: url, headers },
      (from) => {
        let left = cutAfter()
        if (!buffers) {
          answer.writeHead(from.statusCode!, from.headers)
          answer.flushHeaders()
        }
        const chunks: Buffer[] = []
        from.on('data', (chunk: Buffer) => {
          left -= chunk.byteLength
          if (buffers) chunks.push(chunk)
          else answer.write(left < 0 ? chunk.subarray(0, chunk.byteLength + left) : chunk)
          if (left < 0) cut()
        })
        from.on('error', () => near.socket.destroy())
        from.on('end', () => {
          if (buffers) answer.writeHead(from.statusCode!, from.headers)
          answer.end(Buffer.concat(chunks))
        })
      },
    )
    far.on('error', () => near.socket.destroy())
    let left = cutAfter()
    near.on('data', (chunk: Buffer) => {
      left -= chunk.byteLength
      far.write(chunk)
      if (left < 0) cut()
    })
    near.on('end', () => far.end())
    near.on('error', () => far.destroy())
    answer.on('close', () => far.destroy())
  }
  server.on('upgrade', (_request, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    port: (server.address() as AddressInfo).port,
    cuts: () => cuts,
    heal: () => {
      healed = true
    },
  }
}
