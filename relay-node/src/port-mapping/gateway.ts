/** What a relay asks of a router, in whichever protocol that speaks. */

export interface PortToMap {
  protocol: 'tcp' | 'udp'
  /** At which this machine listens. */
  port: number
  /** Whoever looks for it cannot be told another port, as browsers are told TURN's own. */
  isFixed: boolean
}

export interface Mapping {
  protocol: 'tcp' | 'udp'
  port: number
  externalPort: number
  /** Seconds until the router forgets it; it may do so earlier, as when it starts anew. */
  leaseS: number
}

/** A router that answered. Each call ends when its signal does, and throws PortMappingError. */
export interface Gateway {
  /** For the log. */
  name: string
  /** IPv4 address of this machine on the router's network. */
  localAddress: string
  /** IPv4 address of the router as it says, which may be any. */
  externalAddress(signal: AbortSignal): Promise<string>
  /** Makes a mapping, or renews it. The external port may be another than the one asked for. */
  map(port: PortToMap, externalPort: number, signal: AbortSignal): Promise<Mapping>
  unmap(mapping: Mapping, signal: AbortSignal): Promise<void>
}

/** Where routers are looked for. */
export interface RouterPlaces {
  /** IPv4 addresses of this machine, each on a network of its own. */
  from: readonly string[]
  ssdp: { address: string; port: number }
  /** Null where it is not known which router it is. */
  natPmp: { address: string; port: number } | null
}
