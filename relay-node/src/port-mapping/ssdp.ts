/** Finding routers that speak UPnP: https://upnp.org/specs/arch/UPnP-arch-DeviceArchitecture-v1.1.pdf, 1.3 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { MAX_SSDP_ANSWERS, SSDP_WAIT_S } from '../limits.ts'
import type { RouterPlaces } from './gateway.ts'

const DEVICES = ['InternetGatewayDevice:2', 'InternetGatewayDevice:1'].map(
  (name) => `urn:schemas-upnp-org:device:${name}`,
)

/** A description that a device on the network offers. */
export interface Offer {
  location: URL
  /** Address of this machine that it was found from. */
  localAddress: string
}

/** Asks every network; each description once, the first to answer first. Where there is a network, it goes on until the signal ends it. */
export async function* findRouters(
  { from, ssdp }: RouterPlaces,
  signal: AbortSignal,
): AsyncGenerator<Offer> {
  const seen = new Set<string>()
  const offers: Offer[] = []
  let wake = Promise.withResolvers<null>()
  const sockets = from.map((localAddress) => {
    const socket = createSocket('udp4')
    socket.on('message', (message, { address }) => {
      const location = parseSsdpAnswer(message, address)
      if (location === null || seen.has(location.href) || seen.size >= MAX_SSDP_ANSWERS) return
      seen.add(location.href)
      offers.push({ location, localAddress })
      wake.resolve(null)
    })
    // A network that went takes nothing; the others are asked all the same.
    socket.on('error', () => undefined)
    void ask(socket, localAddress, ssdp)
    return socket
  })
  const end = (): void => {
    wake.resolve(null)
  }
  signal.addEventListener('abort', end)
  try {
    while (!signal.aborted && sockets.length > 0) {
      const offer = offers.shift()
      if (offer !== undefined) yield offer
      else await wake.promise
      if (offers.length === 0) wake = Promise.withResolvers()
    }
  } finally {
    signal.removeEventListener('abort', end)
    for (const socket of sockets) socket.close()
  }
}

async function ask(
  socket: Socket,
  localAddress: string,
  { address, port }: RouterPlaces['ssdp'],
): Promise<void> {
  socket.bind(0, localAddress)
  try {
    await once(socket, 'listening')
  } catch {
    return
  }
  for (const device of DEVICES) {
    const lines = [
      'M-SEARCH * HTTP/1.1',
      `HOST: ${address}:${port}`,
      'MAN: "ssdp:discover"',
      `MX: ${SSDP_WAIT_S}`,
      `ST: ${device}`,
    ]
    socket.send(`${lines.join('\r\n')}\r\n\r\n`, port, address, () => undefined)
  }
}

/** Where an answer says its sender is described; null: it is none, or speaks of another host than its sender. */
export function parseSsdpAnswer(message: Uint8Array, sender: string): URL | null {
  const [status, ...lines] = Buffer.from(message).toString('latin1').split('\r\n')
  if (status === undefined || !/^HTTP\/1\.[01] 200\b/.test(status)) return null
  const line = lines.find((each) => /^location:/i.test(each))
  const url = line === undefined ? null : URL.parse(line.slice('location:'.length).trim())
  return url?.protocol === 'http:' && url.hostname === sender ? url : null
}
