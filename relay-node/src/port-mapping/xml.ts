/**
 * The little that is needed of a router's XML: texts of elements, looked for by their names. Each part of a text is looked at
 * once, so a hostile one takes no longer than any of its length; that is bounded by who reads it.
 */
import { PortMappingError } from '../errors.ts'

/** Services that map ports, the best first: https://upnp.org/specs/gw/UPnP-gw-InternetGatewayDevice-v2-Device.pdf */
const SERVICES = ['WANIPConnection:2', 'WANIPConnection:1', 'WANPPPConnection:1'].map(
  (name) => `urn:schemas-upnp-org:service:${name}`,
)

/** A service of a router that maps ports. */
export interface ControlPoint {
  service: string
  url: URL
}

/**
 * What a description of a device, read at `location`, has of services that map ports.
 *
 * @throws PortMappingError when it has none, or one on another host: a router speaks for itself alone
 */
export function parseDescription(text: string, location: URL): ControlPoint {
  const offered = new Map(
    text
      .split('<service>')
      .slice(1)
      .map((part) => [textOf(part, 'serviceType'), textOf(part, 'controlURL')]),
  )
  for (const service of SERVICES) {
    const path = offered.get(service)
    const url = path === undefined || path === null ? null : URL.parse(path, location)
    if (url?.protocol === 'http:' && url.hostname === location.hostname) return { service, url }
  }
  throw new PortMappingError('what answers by UPnP maps no ports')
}

/** Answer to an action, or why there is none: https://upnp.org/specs/arch/UPnP-arch-DeviceArchitecture-v1.1.pdf, 3.2 */
export type SoapAnswer = { error: null; externalAddress: string | null } | { error: number }

/** @throws PortMappingError when it is neither an answer to this action nor an error */
export function parseSoapAnswer(text: string, action: string): SoapAnswer {
  const error = textOf(text, 'errorCode')
  if (error !== null && /^\d{3}$/.test(error)) return { error: Number(error) }
  if (!text.includes(`${action}Response`))
    throw new PortMappingError('the answer of the router is malformed')
  return { error: null, externalAddress: textOf(text, 'NewExternalIPAddress') }
}

/** The text of the first element of this name; null: there is none. */
function textOf(xml: string, name: string): string | null {
  const found = new RegExp(`<${name}(?:\\s[^<>]*)?>([^<]*)</`).exec(xml)?.[1]
  return found === undefined ? null : found.trim().replaceAll('&amp;', '&')
}
