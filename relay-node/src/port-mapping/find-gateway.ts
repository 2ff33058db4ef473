import type { Clock } from '#lib/protocol/seams.ts'
import { PortMappingError } from '../errors.ts'
import { ROUTER_ANSWER_MS, ROUTER_SEARCH_MS } from '../limits.ts'
import { isPublic } from '../mailbox/push-addresses.ts'
import { within } from '../within.ts'
import type { Gateway, RouterPlaces } from './gateway.ts'
import { natPmpGateway } from './nat-pmp.ts'
import { findRouters } from './ssdp.ts'
import { upnpGateway } from './upnp.ts'

/** A router and its address, one of the internet. */
export interface Found {
  gateway: Gateway
  address: string
}

/** The first router that has a public address. @throws PortMappingError that says what is in the way */
export function findGateway(
  clock: Clock,
  places: RouterPlaces,
  stopping: AbortSignal,
): Promise<Found> {
  return within(clock, ROUTER_SEARCH_MS, stopping, async (signal) => {
    const over = new AbortController()
    const both = AbortSignal.any([signal, over.signal])
    try {
      return await Promise.any([byNatPmp(clock, places, both), byUpnp(clock, places, both)])
    } catch (cause) {
      const reasons = cause instanceof AggregateError ? (cause.errors as unknown[]) : [cause]
      const told = reasons.find((each) => each instanceof PortMappingError && each !== NONE)
      if (told instanceof PortMappingError) throw told
      throw new PortMappingError(
        'no router answers by UPnP or NAT-PMP: switch one of them on there',
        { cause },
      )
    } finally {
      over.abort()
    }
  })
}

/** Nobody answered, of which more is said once both ways were tried. */
const NONE = new PortMappingError('no router answers')

async function byNatPmp(
  clock: Clock,
  { natPmp }: RouterPlaces,
  signal: AbortSignal,
): Promise<Found> {
  if (natPmp === null) throw NONE
  let gateway, address
  try {
    gateway = await natPmpGateway(clock, natPmp, signal)
    address = await gateway.externalAddress(signal)
  } catch {
    throw NONE
  }
  return { gateway, address: requirePublic(address) }
}

async function byUpnp(clock: Clock, places: RouterPlaces, signal: AbortSignal): Promise<Found> {
  let last = NONE
  for await (const offer of findRouters(places, signal)) {
    try {
      return await within(clock, ROUTER_ANSWER_MS, signal, async (each) => {
        const gateway = await upnpGateway(offer, each)
        return { gateway, address: requirePublic(await gateway.externalAddress(each)) }
      })
    } catch (error) {
      if (!(error instanceof PortMappingError)) throw error
      last = error
    }
  }
  throw last
}

/** The same address. @throws PortMappingError when nobody of the internet reaches anything there */
export function requirePublic(address: string): string {
  if (isPublic(address)) return address
  throw new PortMappingError(
    'the router has no public address itself, as another one stands before it: map the ports there too and give --public-url, or ask the provider for a public address',
  )
}
