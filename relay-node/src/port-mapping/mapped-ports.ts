import type { Clock, Logger, Random } from '#lib/protocol/seams.ts'
import { PortMappingError } from '../errors.ts'
import {
  EXTERNAL_PORT_TRIES,
  MAX_PORT_RENEWAL_MS,
  MIN_PORT_RENEWAL_MS,
  PORT_MAPPING_START_MS,
  PORT_MAPPING_STOP_MS,
  ROUTER_ANSWER_MS,
} from '../limits.ts'
import { within } from '../within.ts'
import { findGateway, type Found, requirePublic } from './find-gateway.ts'
import type { Gateway, Mapping, PortToMap, RouterPlaces } from './gateway.ts'

export interface MappedPortsComponents {
  clock: Clock
  random: Pick<Random, 'fraction'>
  log: Logger
  /** Looked at again whenever a router is looked for: the network may have changed. */
  places: () => Promise<RouterPlaces>
}

export interface MappedPortsInit {
  ports: readonly PortToMap[]
  /** What the relay listens on; `0.0.0.0`: every address of the machine. */
  host: string
  /** Told of what has changed. */
  onChange: (mapped: Mapped) => void
}

/** What whoever comes from the internet finds. */
export interface Mapped {
  /** Null: nothing is mapped. */
  address: string | null
  /** Of this machine, on the router's network. */
  localAddress: string
  mappings: readonly Mapping[]
}

export const NOTHING_MAPPED: Mapped = { address: null, localAddress: '', mappings: [] }

/**
 * The ports that a router passes on to this relay, for as long as it runs. They are renewed before they end; when the router
 * is gone, or was never there, it is looked for again, and the relay goes on meanwhile.
 */
export class MappedPorts {
  readonly #components: MappedPortsComponents
  readonly #init: MappedPortsInit
  readonly #stopping = new AbortController()
  #gateway: Gateway | null = null
  #mapped = NOTHING_MAPPED
  #told: string | null = null
  #round: Promise<void> = Promise.resolve()
  #cancelNext: () => void = () => undefined

  constructor(components: MappedPortsComponents, init: MappedPortsInit) {
    this.#components = components
    this.#init = init
  }

  get mapped(): Mapped {
    return this.#mapped
  }

  /** Resolves when ports are mapped, or it is clear that they are not for now. */
  async start(): Promise<void> {
    await this.#begin()
  }

  /** Takes every mapping back, as far as the router still answers. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#cancelNext()
    await this.#round
    const { mappings } = this.#mapped
    const gateway = this.#gateway
    if (gateway === null) return
    this.#gateway = null
    this.#change(NOTHING_MAPPED)
    await within(
      this.#components.clock,
      PORT_MAPPING_STOP_MS,
      new AbortController().signal,
      (signal) => Promise.allSettled(mappings.map((mapping) => gateway.unmap(mapping, signal))),
    )
  }

  #begin(): Promise<void> {
    const { clock } = this.#components
    this.#round = within(clock, PORT_MAPPING_START_MS, this.#stopping.signal, (signal) =>
      this.#renew(signal),
    )
      .catch((error: unknown) => {
        if (this.#stopping.signal.aborted) return
        this.#gateway = null
        this.#change(NOTHING_MAPPED)
        const why = error instanceof PortMappingError ? error.message : String(error)
        this.#tell('warn', `no ports are mapped: ${why}`)
      })
      .then(() => {
        if (this.#stopping.signal.aborted) return
        const leases = this.#mapped.mappings.map(({ leaseS }) => leaseS * 500)
        const waitMs = Math.max(MIN_PORT_RENEWAL_MS, Math.min(MAX_PORT_RENEWAL_MS, ...leases))
        this.#cancelNext = clock.after(waitMs, () => void this.#begin())
      })
    return this.#round
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { gateway, address } = await this.#found(signal)
    this.#gateway = gateway
    const mappings: Mapping[] = []
    let refusal: unknown = null
    // One after the other: routers lose what comes at once.
    for (const port of this.#init.ports) {
      try {
        mappings.push(await this.#map(gateway, port, signal))
      } catch (error) {
        if (!(error instanceof PortMappingError)) throw error
        refusal = error
      }
      // Known as it goes: a stop takes back what is there by then.
      this.#keep(mappings)
      signal.throwIfAborted()
    }
    if (mappings.length === 0) throw refusal
    this.#change({ address, localAddress: gateway.localAddress, mappings })
    const missing = this.#init.ports.length - mappings.length
    const rest = missing === 0 ? '' : `, ${missing} more not: somebody else may have them there`
    this.#tell(
      'info',
      `${mappings.length} ports are mapped by ${gateway.name} at ${address}${rest}`,
    )
  }

  /** The router of last time, if it still answers; else another one. */
  async #found(signal: AbortSignal): Promise<Found> {
    const { clock, places } = this.#components
    const known = this.#gateway
    if (known !== null) {
      try {
        const address = await within(clock, ROUTER_ANSWER_MS, signal, (each) =>
          known.externalAddress(each),
        )
        return { gateway: known, address: requirePublic(address) }
      } catch {
        signal.throwIfAborted()
      }
    }
    const found = await findGateway(clock, await places(), signal)
    const { localAddress } = found.gateway
    const { host } = this.#init
    if (host === '0.0.0.0' || host === '::' || host === localAddress) return found
    throw new PortMappingError(
      `the router passes them on to ${localAddress}, and this relay listens on ${host} alone: leave out --host`,
    )
  }

  async #map(gateway: Gateway, port: PortToMap, signal: AbortSignal): Promise<Mapping> {
    const { clock, random } = this.#components
    const had = this.#mapped.mappings.find((each) => isSame(each, port))
    let externalPort = had?.externalPort ?? port.port
    for (let tries = 1; ; tries += 1) {
      try {
        const mapping = await within(clock, ROUTER_ANSWER_MS, signal, (each) =>
          gateway.map(port, externalPort, each),
        )
        if (!port.isFixed || mapping.externalPort === port.port) return mapping
        await within(clock, ROUTER_ANSWER_MS, signal, (each) => gateway.unmap(mapping, each))
        throw new PortMappingError('another port was given')
      } catch (error) {
        if (port.isFixed || tries === EXTERNAL_PORT_TRIES || signal.aborted) throw error
        externalPort = 49_152 + Math.floor(random.fraction() * 16_384)
      }
    }
  }

  #keep(mappings: readonly Mapping[]): void {
    const others = this.#mapped.mappings.filter(
      (had) => !mappings.some((each) => isSame(each, had)),
    )
    this.#mapped = { ...this.#mapped, mappings: [...mappings, ...others] }
  }

  #change(mapped: Mapped): void {
    this.#mapped = mapped
    this.#init.onChange(mapped)
  }

  /** Once, however often it comes true again. */
  #tell(level: 'info' | 'warn', text: string): void {
    if (text === this.#told) return
    this.#told = text
    this.#components.log[level](text)
  }
}

function isSame(
  a: Pick<Mapping, 'protocol' | 'port'>,
  b: Pick<Mapping, 'protocol' | 'port'>,
): boolean {
  return a.protocol === b.protocol && a.port === b.port
}
