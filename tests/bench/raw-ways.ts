import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { timeEach } from './page/time-each.ts'
import { PING_BYTES } from './relay-client.ts'
import type { NodeWay } from './ways.ts'

/** Longest answer of a long poll, as of a relay's. */
const POLL_BYTES = 256 * 1_024

/** A connection that carries messages there and back. */
export interface RawWay extends AsyncDisposable {
  /** Milliseconds of messages as long as a ping. */
  roundTrips(times: number): Promise<number[]>
  /** Resolves once so many bytes came. */
  bytes(count: number): Promise<void>
}

interface EchoingWay extends AsyncDisposable {
  /** Resolves once this came back. */
  echo(message: Uint8Array<ArrayBuffer>): Promise<void>
  bytes(count: number): Promise<void>
}

/** The raw server, in a process of its own as a relay is. */
export class RawServer implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #port: number

  private constructor(process: ChildProcess, port: number) {
    this.#process = process
    this.#port = port
  }

  static async start(): Promise<RawServer> {
    const child = fork(new URL('raw-server.ts', import.meta.url))
    const [port] = (await once(child, 'message')) as [number]
    return new RawServer(child, port)
  }

  async open(way: NodeWay): Promise<RawWay> {
    const echoing = await this.#open(way)
    const echo = (): Promise<void> => echoing.echo(new Uint8Array(PING_BYTES))
    return {
      roundTrips: (times) => timeEach(times, echo, 1),
      bytes: (count) => echoing.bytes(count),
      [Symbol.asyncDispose]: () => echoing[Symbol.asyncDispose](),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill()
    await ended
  }

  async #open(way: NodeWay): Promise<EchoingWay> {
    const at = `127.0.0.1:${this.#port}`
    if (way === 'websocket') return openSocket(`ws://${at}`)
    const mode = way.slice('http-'.length)
    return mode === 'longpoll' ? pollWay(`http://${at}`) : openStream(at, mode)
  }
}

async function openSocket(url: string): Promise<EchoingWay> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await once(socket, 'open')
  return {
    async echo(message) {
      socket.send(message)
      await once(socket, 'message')
    },
    async bytes(count) {
      let left = count
      const all = Promise.withResolvers<undefined>()
      const take = (data: Buffer): void => {
        left -= data.byteLength
        if (left <= 0) all.resolve(undefined)
      }
      socket.on('message', take)
      socket.send(String(count))
      await all.promise
      socket.off('message', take)
    },
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

async function openStream(at: string, mode: string): Promise<EchoingWay> {
  const end = new AbortController()
  const { body } = await fetch(`http://${at}/down?mode=${mode}`, { signal: end.signal })
  const down = body!.getReader()
  await down.read()
  return {
    async echo(message) {
      const up = fetch(`http://${at}/up`, { method: 'POST', body: message })
      await down.read()
      await (await up).arrayBuffer()
    },
    async bytes(count) {
      const answer = await fetch(`http://${at}/bytes?mode=${mode}&bytes=${count}`)
      for await (const chunk of answer.body!) if (mode === 'sse') decoded(chunk)
    },
    [Symbol.asyncDispose]() {
      end.abort()
      return Promise.resolve()
    },
  }
}

function pollWay(origin: string): EchoingWay {
  return {
    async echo(message) {
      const poll = fetch(`${origin}/down?mode=longpoll`)
      const up = fetch(`${origin}/up`, { method: 'POST', body: message })
      await (await poll).arrayBuffer()
      await (await up).arrayBuffer()
    },
    async bytes(count) {
      for (let left = count; left > 0; left -= POLL_BYTES) {
        const answer = await fetch(`${origin}/bytes?mode=longpoll&bytes=${POLL_BYTES}`)
        await answer.arrayBuffer()
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Events cost both sides their base64. */
function decoded(chunk: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(chunk).toString('latin1'), 'base64')
}
