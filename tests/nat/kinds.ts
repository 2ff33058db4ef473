/** Ways to the internet that people have, as rules of nftables for the router before them. */

export const KINDS = [
  'none',
  'full cone',
  'address-restricted',
  'port-restricted',
  'symmetric',
  'UDP blocked',
  'carrier',
  'carrier over symmetric',
] as const

export type Kind = (typeof KINDS)[number]

/** How a NAT looks from outside: RFC 4787 by the older names of RFC 3489. */
export type Behaviour =
  'none' | 'full cone' | 'address-restricted' | 'port-restricted' | 'symmetric' | 'UDP blocked'

/** Routers on the way, from the person to the internet. */
export const ROUTERS: Readonly<Record<Kind, readonly Behaviour[]>> = {
  none: [],
  'full cone': ['full cone'],
  'address-restricted': ['address-restricted'],
  'port-restricted': ['port-restricted'],
  symmetric: ['symmetric'],
  'UDP blocked': ['UDP blocked'],
  carrier: ['port-restricted', 'port-restricted'],
  'carrier over symmetric': ['symmetric', 'port-restricted'],
}

/** As a probe must find them: the strictest router counts. */
export const SEEN_AS: Readonly<Record<Kind, Behaviour>> = {
  none: 'none',
  'full cone': 'full cone',
  'address-restricted': 'address-restricted',
  'port-restricted': 'port-restricted',
  symmetric: 'symmetric',
  'UDP blocked': 'UDP blocked',
  carrier: 'port-restricted',
  'carrier over symmetric': 'symmetric',
}

/**
 * Whether two people behind these meet with STUN alone: of 36 pairs 21 do. A symmetric NAT has another port for everybody, so
 * only who takes packets of any port is reached from behind it.
 */
export function meetDirectly(one: Kind, other: Kind): boolean {
  const both = [SEEN_AS[one], SEEN_AS[other]]
  if (both.includes('UDP blocked')) return false
  const strict = both.filter((kind) => kind === 'symmetric' || kind === 'port-restricted')
  return !(strict.length === 2 && both.includes('symmetric'))
}

/** Every pair once, also of two of a kind. */
export function allPairs(): [Kind, Kind][] {
  return KINDS.flatMap((one, n) => KINDS.slice(n).map((other): [Kind, Kind] => [one, other]))
}

/** One of each outcome: open, punched, relayed by UDP, relayed by TCP. */
export const SMOKE_PAIRS: readonly [Kind, Kind][] = [
  ['none', 'full cone'],
  ['address-restricted', 'carrier'],
  ['port-restricted', 'symmetric'],
  ['UDP blocked', 'carrier over symmetric'],
]

/**
 * The rules of a router with the devices `lan` and `wan`.
 * @param inside who is behind it; one address, which makes maps of ports needless
 */
export function rules(behaviour: Behaviour, inside: string): string {
  switch (behaviour) {
    case 'none':
      return ''
    case 'full cone':
      return cone(inside, 'inet_service', 'udp sport', 'udp dport')
    case 'address-restricted':
      return cone(
        inside,
        'inet_service . ipv4_addr',
        'udp sport . ip daddr',
        'udp dport . ip saddr',
      )
    case 'port-restricted':
      return `${CLOSED}\n${masquerade('masquerade')}`
    case 'symmetric':
      return `${CLOSED}\n${masquerade('masquerade fully-random')}`
    case 'UDP blocked':
      return `${CLOSED}\n${masquerade('masquerade')}
        table ip blocked {
          chain forward {
            type filter hook forward priority 0;
            meta l4proto udp drop
          }
        }`
  }
}

/**
 * Without it the router itself takes a packet that comes too early, and then gives the way out another port: the NAT would
 * look symmetric.
 */
const CLOSED = `
  table ip closed {
    chain input {
      type filter hook input priority 0;
      iifname "wan" ct state new drop
    }
  }`

function masquerade(how: string): string {
  return `
  table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat;
      oifname "wan" ${how}
    }
  }`
}

/** What has gone out by a port lets packets in by it: those of `incoming` that `seen` knows. Ports stay the same. */
function cone(inside: string, type: string, outgoing: string, incoming: string): string {
  return `${CLOSED}
  table ip nat {
    set seen {
      type ${type}
      flags dynamic, timeout
      timeout 5m
    }
    chain learn {
      type filter hook postrouting priority 90;
      oifname "wan" meta l4proto udp update @seen { ${outgoing} }
    }
    chain prerouting {
      type nat hook prerouting priority dstnat;
      iifname "wan" ${incoming} @seen dnat to ${inside}
    }
    chain postrouting {
      type nat hook postrouting priority srcnat;
      oifname "wan" masquerade
    }
  }`
}
