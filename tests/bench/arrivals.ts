import { MemoryNetworks, onState, person } from '../integration/p2p/person.ts'
import type { BenchedWay } from './ways.ts'

/** Milliseconds from the start of somebody's node to a place at the relay: where they never were, and once more. */
export interface Arrivals {
  coldMs: number
  warmMs: number
}

export interface ArrivalsInit {
  /** Of the relay. */
  origin: string
  /** By which it is to be reached there. */
  way: BenchedWay
  /** Where the relay said that it has WebTransport, when they met it on another network; default: they never met it. */
  webTransport?: string
}

/** @throws Error when the relay was reached by another way */
export async function arrivals({ origin, way, webTransport }: ArrivalsInit): Promise<Arrivals> {
  const networks = new MemoryNetworks()
  if (webTransport !== undefined) {
    const untried = { tries: 0, through: 0, openMs: null, atMs: 0 }
    const known = { relay: new URL(origin).host, way: 'webtransport' } as const
    const ways = [{ ...known, ...untried, addresses: [webTransport] }]
    await networks.put({ id: 'elsewhere', seenAtMs: 0, ways })
  }
  const arrive = async (): Promise<number> => {
    const { node } = await person({ origin, networks })
    const startMs = performance.now()
    await node.start()
    await onState(node, 'online')
    const ms = performance.now() - startMs
    const used = node.network.links().map(({ transport }) => transport)
    await node.stop()
    if (!used.includes(way)) throw new Error(`the relay was reached by ${used.join()}, not ${way}`)
    return ms
  }
  return { coldMs: await arrive(), warmMs: await arrive() }
}
