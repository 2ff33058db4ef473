/** As much of STUN and TURN, as a client speaks them by UDP, as tests ask: RFC 8489, RFC 5780, RFC 8656. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'

const COOKIE = 0x2112a442

const METHODS = { binding: 0x001, allocate: 0x003, 'create-permission': 0x008 } as const

const ATTRIBUTES = {
  changeRequest: 0x0003,
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  xorPeer: 0x0012,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayed: 0x0016,
  requestedTransport: 0x0019,
  xorMapped: 0x0020,
  other: 0x802c,
} as const

/** How often a request is sent until it is answered, and how long each is waited for, ms: together longer than ARP waits, whose first word may be lost (1 s). */
const TRIES = 5
const WAIT_MS = 400

export interface Place {
  address: string
  port: number
}

export interface StunAnswer {
  /** Of an error; null when it is none. */
  error: number | null
  mapped: Place | null
  relayed: Place | null
  /** The server's other address and port. */
  other: Place | null
  realm: string | null
  nonce: string | null
}

export interface Credential {
  username: string
  password: string
}

interface Asking {
  server: Place
  attributes?: [number, Buffer][]
  key?: Buffer
}

/** One UDP socket, and what servers say to it. */
export class StunClient implements Disposable {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async open(): Promise<StunClient> {
    const socket = createSocket('udp4').bind(0)
    await once(socket, 'listening')
    // Nobody listens there, as a probe may want to know.
    socket.on('error', () => undefined)
    return new StunClient(socket)
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }

  /**
   * How the server sees this socket; null when nothing comes back.
   * @param from the server is to answer from its other address, or port
   */
  bind(
    server: Place,
    from: { address?: boolean; port?: boolean } = {},
  ): Promise<StunAnswer | null> {
    const flags = Buffer.alloc(4)
    flags.writeUInt32BE((from.address === true ? 4 : 0) | (from.port === true ? 2 : 0))
    return this.#ask('binding', {
      server,
      attributes: flags.readUInt32BE() === 0 ? [] : [[ATTRIBUTES.changeRequest, flags]],
    })
  }

  /** Asks for a relayed address, with what is needed for more of it. */
  async allocate(server: Place, { username, password }: Credential) {
    const transport: [number, Buffer] = [ATTRIBUTES.requestedTransport, Buffer.from([17, 0, 0, 0])]
    const first = await this.#ask('allocate', { server, attributes: [transport] })
    if (first?.realm == null || first.nonce === null) return { answer: first, permit: null }
    const key = createHash('md5').update(`${username}:${first.realm}:${password}`).digest()
    const who: [number, Buffer][] = [
      [ATTRIBUTES.username, Buffer.from(username)],
      [ATTRIBUTES.realm, Buffer.from(first.realm)],
      [ATTRIBUTES.nonce, Buffer.from(first.nonce)],
    ]
    const answer = await this.#ask('allocate', { server, attributes: [transport, ...who], key })
    /** Asks to let this peer's packets in; gives the answer. */
    const permit = (peer: Place): Promise<StunAnswer | null> =>
      this.#ask('create-permission', {
        server,
        attributes: [[ATTRIBUTES.xorPeer, xored(peer)], ...who],
        key,
      })
    return { answer, permit }
  }

  async #ask(method: keyof typeof METHODS, asking: Asking): Promise<StunAnswer | null> {
    const id = randomBytes(12)
    const request = encode(METHODS[method], id, asking)
    const { address, port } = asking.server
    for (let n = 0; n < TRIES; n += 1) {
      const answer = this.#answer(id)
      this.#socket.send(request, port, address)
      const answered = await answer
      if (answered !== null) return answered
    }
    return null
  }

  #answer(id: Buffer): Promise<StunAnswer | null> {
    return new Promise((resolve) => {
      const end = (answer: StunAnswer | null): void => {
        clearTimeout(timer)
        this.#socket.off('message', take)
        resolve(answer)
      }
      const take = (bytes: Buffer): void => {
        if (bytes.length >= 20 && bytes.subarray(8, 20).equals(id)) end(decode(bytes))
      }
      const timer = setTimeout(end, WAIT_MS, null)
      this.#socket.on('message', take)
    })
  }
}

/** How the server at the other end of this, TCP or TLS, sees it; null when it ends without an answer. */
export async function bindOver(stream: Duplex): Promise<StunAnswer | null> {
  stream.on('error', () => stream.destroy())
  stream.write(encode(METHODS.binding, randomBytes(12), {}))
  let answer = Buffer.alloc(0)
  for await (const bytes of stream) {
    answer = Buffer.concat([answer, bytes as Buffer])
    // Leaving the loop ends the stream.
    if (answer.length >= 20 && answer.length >= 20 + answer.readUInt16BE(2)) return decode(answer)
  }
  return null
}

function encode(
  method: number,
  id: Buffer,
  { attributes = [], key }: Pick<Asking, 'attributes' | 'key'>,
): Buffer {
  const body = Buffer.concat(attributes.map(([type, value]) => attribute(type, value)))
  if (key === undefined) return Buffer.concat([header(method, body.length, id), body])
  // The length counts the attribute that is still to come.
  const signed = Buffer.concat([header(method, body.length + 24, id), body])
  const hmac = createHmac('sha1', key).update(signed).digest()
  return Buffer.concat([signed, attribute(ATTRIBUTES.integrity, hmac)])
}

function header(method: number, length: number, id: Buffer): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.writeUInt16BE(method, 0)
  bytes.writeUInt16BE(length, 2)
  bytes.writeUInt32BE(COOKIE, 4)
  id.copy(bytes, 8)
  return bytes
}

function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4)
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(value.length, 2)
  value.copy(bytes, 4)
  return bytes
}

function decode(bytes: Buffer): StunAnswer {
  const found = new Map<number, Buffer>()
  for (let at = 20; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2)
    found.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length))
    at += 4 + Math.ceil(length / 4) * 4
  }
  const place = (type: number, isXored: boolean): Place | null => {
    const value = found.get(type)
    return value === undefined ? null : placeOf(value, isXored)
  }
  const error = found.get(ATTRIBUTES.error)
  return {
    error: error === undefined ? null : (error[2]! & 7) * 100 + error[3]!,
    mapped: place(ATTRIBUTES.xorMapped, true),
    relayed: place(ATTRIBUTES.xorRelayed, true),
    other: place(ATTRIBUTES.other, false),
    realm: found.get(ATTRIBUTES.realm)?.toString() ?? null,
    nonce: found.get(ATTRIBUTES.nonce)?.toString() ?? null,
  }
}

/** Of IPv4, as is all here. */
function placeOf(value: Buffer, isXored: boolean): Place {
  const [port, address] = [value.readUInt16BE(2), value.readUInt32BE(4)]
  const ip = Buffer.alloc(4)
  ip.writeUInt32BE((isXored ? address ^ COOKIE : address) >>> 0)
  return { address: [...ip].join('.'), port: isXored ? port ^ (COOKIE >>> 16) : port }
}

function xored({ address, port }: Place): Buffer {
  const value = Buffer.alloc(8)
  value.writeUInt8(1, 1)
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2)
  const ip = Buffer.from(address.split('.').map(Number)).readUInt32BE()
  value.writeUInt32BE((ip ^ COOKIE) >>> 0, 4)
  return value
}
