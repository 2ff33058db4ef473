import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Inspector } from './inspector.ts'

/** A real relay in a process of its own, which serves the built app on a free port of this machine. */
export class Relay implements AsyncDisposable {
  readonly port: number
  /** Of the page, the API and libp2p's WebSocket. */
  readonly origin: string
  readonly #dataFolder: string
  readonly #args: readonly string[]
  #process: ChildProcess | null = null
  #inspector: Inspector | null = null
  #log = ''

  private constructor(port: number, dataFolder: string, args: readonly string[]) {
    this.port = port
    this.origin = `http://localhost:${port}`
    this.#dataFolder = dataFolder
    this.#args = args
  }

  /** @param args further flags for the relay */
  static async start(...args: string[]): Promise<Relay> {
    return await Relay.startAt(await freePort(), ...args)
  }

  static async startAt(port: number, ...args: string[]): Promise<Relay> {
    const dataFolder = await mkdtemp(join(tmpdir(), 'starling-relay-'))
    const relay = new Relay(port, dataFolder, args)
    await relay.up()
    return relay
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('the relay is not running')
    return this.#process.pid
  }

  /** Starts it, again with the same port and data; resolves once it answers. @param further flags, this time */
  async up(...further: string[]): Promise<void> {
    this.#log = ''
    const command = [
      '--inspect-port=0',
      'relay-node/src/main.ts',
      '--no-mdns',
      ...this.#args,
      ...further,
    ]
    const child = spawn(process.execPath, command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: String(this.port),
        STARLING_DATA: this.#dataFolder,
      },
    })
    this.#process = child
    const keep = (chunk: Buffer): void => {
      this.#log += chunk.toString()
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    while (!(await this.#answers())) {
      if (child.exitCode !== null) throw new Error(`the relay did not start:\n${this.#log}`)
      await delay(50)
    }
  }

  /** Where it says that it is. */
  async addresses(): Promise<string[]> {
    const answer = await fetch(`${this.origin}/api/bootstrap`)
    return ((await answer.json()) as { addresses: string[] }).addresses
  }

  /** Where it listens for WebTransport, once it does: a process of its own, which nothing waits for. */
  async webTransport(): Promise<string> {
    for (;;) {
      const found = (await this.addresses()).find((each) => each.includes('/webtransport/'))
      if (found !== undefined) return found
      await delay(50)
    }
  }

  /** Opens its inspector, which costs it nothing until then; closed with the relay. */
  async inspect(): Promise<Inspector> {
    process.kill(this.pid, 'SIGUSR1')
    for (;;) {
      const [url] = /ws:\/\/127\.0\.0\.1:\S+/.exec(this.#log) ?? []
      if (url !== undefined) return (this.#inspector = await Inspector.ofNode(url))
      await delay(50)
    }
  }

  /** Ends it as a failing machine would: nothing is said to anyone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGTERM')
    await rm(this.#dataFolder, { recursive: true, force: true })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = null
    // A Node process that ends waits for its inspector to be left.
    await this.#inspector?.close()
    this.#inspector = null
    if (child?.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.origin}/health`)).ok
    } catch {
      return false
    }
  }
}

/**
 * A port nobody listens on now, by TCP or UDP. It is below those that are given to whoever asks for any (32,768 and
 * above on Linux), which browsers do all the time: nobody takes it before the relay does, or while it is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768)
    if ((await isFree(createServer().listen(port, '127.0.0.1'))) && (await isFree(udpAt(port)))) {
      return port
    }
  }
}

function udpAt(port: number): Socket {
  return createSocket('udp4').bind(port, '127.0.0.1')
}

async function isFree(listener: Server | Socket): Promise<boolean> {
  try {
    await once(listener, 'listening')
  } catch {
    return false
  }
  listener.close()
  return true
}
