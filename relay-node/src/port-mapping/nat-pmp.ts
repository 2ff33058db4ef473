/** A router that speaks NAT-PMP: https://www.rfc-editor.org/rfc/rfc6886 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Clock } from '#lib/protocol/seams.ts'
import { PortMappingError } from '../errors.ts'
import { NAT_PMP_FIRST_WAIT_MS, NAT_PMP_TRIES, PORT_LEASE_S } from '../limits.ts'
import type { Gateway, Mapping, PortToMap } from './gateway.ts'

const EXTERNAL_ADDRESS = 0
const MAP = { udp: 1, tcp: 2 } as const

/** Added to the operation in its answer. */
const IS_ANSWER = 128

export type NatPmpAnswer =
  | { operation: 0; externalAddress: string }
  | { operation: 1 | 2; port: number; externalPort: number; leaseS: number }

/** The router at this address; whether there is one shows with its first answer. */
export function natPmpGateway(
  clock: Clock,
  place: { address: string; port: number },
  signal: AbortSignal,
): Promise<Gateway> {
  return asked(place, signal, (socket) =>
    Promise.resolve(new NatPmpGateway(clock, place, socket.address().address)),
  )
}

class NatPmpGateway implements Gateway {
  readonly name = 'NAT-PMP'
  readonly localAddress: string
  readonly #clock: Clock
  readonly #place: { address: string; port: number }

  constructor(clock: Clock, place: { address: string; port: number }, localAddress: string) {
    this.#clock = clock
    this.#place = place
    this.localAddress = localAddress
  }

  async externalAddress(signal: AbortSignal): Promise<string> {
    const answer = await this.#ask(Buffer.from([0, EXTERNAL_ADDRESS]), signal)
    if (answer.operation === EXTERNAL_ADDRESS) return answer.externalAddress
    throw new PortMappingError('the answer of the router is malformed')
  }

  async map(to: PortToMap, externalPort: number, signal: AbortSignal): Promise<Mapping> {
    const { protocol, port } = to
    const answer = await this.#ask(requestOf(protocol, port, externalPort, PORT_LEASE_S), signal)
    if (answer.operation === EXTERNAL_ADDRESS || answer.port !== port || answer.leaseS === 0) {
      throw new PortMappingError('the answer of the router is malformed')
    }
    return { protocol, port, externalPort: answer.externalPort, leaseS: answer.leaseS }
  }

  async unmap({ protocol, port }: Mapping, signal: AbortSignal): Promise<void> {
    // Section 3.4: to end one is to ask for it for no time.
    await this.#ask(requestOf(protocol, port, 0, 0), signal)
  }

  /** Asked again, each time later, as section 3.1 says. */
  #ask(request: Buffer, signal: AbortSignal): Promise<NatPmpAnswer> {
    return asked(this.#place, signal, async (socket) => {
      const done = Promise.withResolvers<NatPmpAnswer>()
      let cancel = (): void => undefined
      let tries = 0
      const send = (): void => {
        if (tries === NAT_PMP_TRIES) done.reject(new PortMappingError('the router gave no answer'))
        else {
          socket.send(request)
          cancel = this.#clock.after(NAT_PMP_FIRST_WAIT_MS * 2 ** tries, send)
          tries += 1
        }
      }
      const abort = (): void => {
        done.reject(new PortMappingError('the router gave no answer'))
      }
      socket.on('error', abort)
      socket.on('message', (message) => {
        try {
          const answer = parseNatPmpAnswer(message)
          if (answer.operation === request[1]) done.resolve(answer)
        } catch (error) {
          done.reject(error)
        }
      })
      signal.addEventListener('abort', abort)
      send()
      try {
        return await done.promise
      } finally {
        cancel()
        signal.removeEventListener('abort', abort)
      }
    })
  }
}

/** With a socket that hears this router alone, closed afterwards. */
async function asked<T>(
  { address, port }: { address: string; port: number },
  signal: AbortSignal,
  act: (socket: Socket) => Promise<T>,
): Promise<T> {
  const socket = createSocket('udp4')
  try {
    socket.connect(port, address)
    await once(socket, 'connect', { signal })
    return await act(socket)
  } catch (cause) {
    if (cause instanceof PortMappingError) throw cause
    throw new PortMappingError('the router cannot be reached', { cause })
  } finally {
    socket.close()
  }
}

function requestOf(
  protocol: 'tcp' | 'udp',
  port: number,
  externalPort: number,
  leaseS: number,
): Buffer {
  const request = Buffer.alloc(12)
  request.writeUInt8(MAP[protocol], 1)
  request.writeUInt16BE(port, 4)
  request.writeUInt16BE(externalPort, 6)
  request.writeUInt32BE(leaseS, 8)
  return request
}

/** Sections 3.2 and 3.3. @throws PortMappingError when it is malformed, or says that nothing is mapped */
export function parseNatPmpAnswer(message: Uint8Array): NatPmpAnswer {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const operation = (bytes[1] ?? 0) - IS_ANSWER
  if (bytes.length < 8 || bytes[0] !== 0)
    throw new PortMappingError('the answer of the router is malformed')
  const result = bytes.readUInt16BE(2)
  if (result !== 0) throw new PortMappingError(`the router answers with error ${result}`)
  if (operation === EXTERNAL_ADDRESS && bytes.length === 12) {
    return { operation, externalAddress: bytes.subarray(8).join('.') }
  }
  if ((operation === MAP.udp || operation === MAP.tcp) && bytes.length === 16) {
    const [port, externalPort] = [bytes.readUInt16BE(8), bytes.readUInt16BE(10)]
    return { operation, port, externalPort, leaseS: bytes.readUInt32BE(12) }
  }
  throw new PortMappingError('the answer of the router is malformed')
}
