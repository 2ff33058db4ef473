import { isIPv4, isIPv6 } from 'node:net'
import type { Clock } from '#lib/protocol/seams.ts'
import { MAX_NEW_CONNECTIONS_PER_SECOND } from './limits.ts'
import { RateLimit } from './rate-limit.ts'
import type { Refusals } from './refusals.ts'

export interface AdmissionInit {
  maxConnections: number
  maxConnectionsPerAddress: number
}

/** Counts connections in all and for each address, and lets no more in, nor faster, than there may be. */
export class Admission {
  readonly #refusals: Refusals
  readonly #init: AdmissionInit
  readonly #arrivals: RateLimit
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(components: { refusals: Refusals; clock: Pick<Clock, 'now'> }, init: AdmissionInit) {
    this.#refusals = components.refusals
    this.#init = init
    this.#arrivals = new RateLimit(components, {
      max: MAX_NEW_CONNECTIONS_PER_SECOND,
      windowMs: 1_000,
    })
  }

  /** Takes a place; the returned function gives it back. `null`: there is none. */
  enter(address: string): (() => void) | null {
    if (this.#total >= this.#init.maxConnections) {
      this.#refusals.count('connections-total')
      return null
    }
    const source = sourceOf(address)
    const open = this.#byAddress.get(source) ?? 0
    if (open >= this.#init.maxConnectionsPerAddress) {
      this.#refusals.count('connections-per-address')
      return null
    }
    if (!this.#arrivals.allow(source)) {
      this.#refusals.count('connection-rate')
      return null
    }
    this.#total += 1
    this.#byAddress.set(source, open + 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#leave(source)
    }
  }

  #leave(source: string): void {
    this.#total -= 1
    const left = this.#byAddress.get(source)! - 1
    if (left === 0) this.#byAddress.delete(source)
    else this.#byAddress.set(source, left)
  }
}

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets. */
export function sourceOf(address: string): string {
  const mapped = /^::ffff:(?<v4>[\d.]+)$/i.exec(address)?.groups?.['v4']
  if (mapped !== undefined && isIPv4(mapped)) return mapped
  return isIPv6(address) ? `${network64(address)}::/64` : address
}

/** The first four groups of an IPv6 address. */
function network64(address: string): string {
  const [head = '', tail] = address.split('%')[0]!.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
