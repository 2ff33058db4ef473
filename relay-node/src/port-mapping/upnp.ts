/** A router that speaks UPnP: https://upnp.org/specs/gw/UPnP-gw-WANIPConnection-v1-Service.pdf, which version 2 still has. */
import { PortMappingError } from '../errors.ts'
import { MAX_ROUTER_ANSWER_BYTES, PORT_LEASE_S } from '../limits.ts'
import type { Gateway, Mapping, PortToMap } from './gateway.ts'
import type { Offer } from './ssdp.ts'
import { type ControlPoint, parseDescription, parseSoapAnswer, type SoapAnswer } from './xml.ts'

/** The router lends a port for ever only. Taken back at the stop. */
const ONLY_PERMANENT_LEASES = 725

/** What routers list it as. */
const DESCRIPTION = 'Starling relay'

/** The router behind a description. @throws PortMappingError when it maps no ports */
export async function upnpGateway(
  { location, localAddress }: Offer,
  signal: AbortSignal,
): Promise<Gateway> {
  const point = parseDescription(await body(location, {}, signal), location)
  return new UpnpGateway(point, localAddress)
}

class UpnpGateway implements Gateway {
  readonly name = 'UPnP'
  readonly localAddress: string
  readonly #point: ControlPoint

  constructor(point: ControlPoint, localAddress: string) {
    this.#point = point
    this.localAddress = localAddress
  }

  async externalAddress(signal: AbortSignal): Promise<string> {
    const answer = await this.#run('GetExternalIPAddress', {}, signal)
    if (answer.error === null && answer.externalAddress !== null) return answer.externalAddress
    throw new PortMappingError('the router does not know its own address: it may be offline')
  }

  async map(to: PortToMap, externalPort: number, signal: AbortSignal): Promise<Mapping> {
    const { protocol, port } = to
    for (const leaseS of [PORT_LEASE_S, 0]) {
      const { error } = await this.#run(
        'AddPortMapping',
        {
          ...place(protocol, externalPort),
          NewInternalPort: port,
          NewInternalClient: this.localAddress,
          NewEnabled: 1,
          NewPortMappingDescription: DESCRIPTION,
          NewLeaseDuration: leaseS,
        },
        signal,
      )
      if (error === null) return { protocol, port, externalPort, leaseS: PORT_LEASE_S }
      if (error !== ONLY_PERMANENT_LEASES)
        throw new PortMappingError(`the router answers with error ${error}`)
    }
    throw new PortMappingError(`the router answers with error ${ONLY_PERMANENT_LEASES}`)
  }

  async unmap({ protocol, externalPort }: Mapping, signal: AbortSignal): Promise<void> {
    await this.#run('DeletePortMapping', place(protocol, externalPort), signal)
  }

  async #run(
    action: string,
    values: Record<string, string | number>,
    signal: AbortSignal,
  ): Promise<SoapAnswer> {
    const { service, url } = this.#point
    const given = Object.entries(values).map(([name, value]) => `<${name}>${value}</${name}>`)
    const request = {
      method: 'POST',
      headers: {
        'content-type': 'text/xml; charset="utf-8"',
        soapaction: `"${service}#${action}"`,
      },
      body: `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${service}">${given.join('')}</u:${action}></s:Body></s:Envelope>`,
    }
    return parseSoapAnswer(await body(url, request, signal), action)
  }
}

/** The order of arguments is part of the protocol. */
function place(protocol: 'tcp' | 'udp', externalPort: number): Record<string, string | number> {
  return {
    NewRemoteHost: '',
    NewExternalPort: externalPort,
    NewProtocol: protocol.toUpperCase(),
  }
}

/** What is answered, errors of the protocol too; never from elsewhere, never more than is kept room for. */
async function body(url: URL, request: RequestInit, signal: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(url, { ...request, signal, redirect: 'error' })
    const chunks: Uint8Array[] = []
    let byteCount = 0
    for await (const chunk of answer.body ?? []) {
      byteCount += chunk.byteLength
      if (byteCount > MAX_ROUTER_ANSWER_BYTES)
        throw new PortMappingError('the answer of the router is too long')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (cause) {
    if (cause instanceof PortMappingError) throw cause
    throw new PortMappingError('the router gave no answer', { cause })
  }
}
