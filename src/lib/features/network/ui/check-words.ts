import { formatLatency } from '../../../i18n/format.ts'
import { m } from '../../../i18n/generated/messages.js'
import type { Way, WayTried } from '../api.ts'
import { transportText } from './network-words.ts'

const BY_TCP: readonly Way[] = ['websocket', 'http-ws', 'http-binary', 'http-sse', 'http-longpoll']

/** What a way is called. */
export function wayText(way: Way): string {
  switch (way) {
    case 'websocket':
    case 'http-ws':
    case 'http-binary':
    case 'http-sse':
    case 'http-longpoll':
    case 'webtransport':
      return transportText(way)
    case 'stun':
      return m.network_way_stun()
    case 'turn-udp':
      return m.network_way_turn_udp()
    case 'turn-tcp':
      return m.network_way_turn_tcp()
    case 'turn-tls':
      return m.network_way_turn_tls()
  }
}

/** How it went, in words. */
export function wayStateText({ way, state, latencyMs }: WayTried): string {
  switch (state) {
    case 'waiting':
      return m.network_way_waiting()
    case 'trying':
      return m.network_way_trying()
    case 'works':
      return latencyMs === null
        ? m.network_way_works()
        : m.network_way_works_in({ latency: formatLatency(latencyMs) })
    case 'fails':
      return way === 'stun' ? m.network_way_no_stun() : m.network_way_fails()
  }
}

/** What all of it means, and what to do; null while ways are still tried. */
export function verdict(ways: readonly WayTried[]): string | null {
  if (ways.some(({ state }) => state === 'waiting' || state === 'trying')) return null
  const works = (some: readonly Way[]): boolean =>
    ways.some(({ way, state }) => some.includes(way) && state === 'works')
  if (ways.length === 0) return m.network_verdict_no_relay()
  if (!works([...BY_TCP, 'webtransport'])) return m.network_verdict_nothing()
  if (!works(BY_TCP)) return m.network_verdict_udp()
  if (!works(['websocket'])) return m.network_verdict_http()
  const silent = relaysOf(ways).filter((relay) =>
    ways.every((each) => each.relay !== relay || each.state === 'fails'),
  )
  if (silent.length > 0) return m.network_verdict_some({ relays: silent.join(', ') })
  const turn = ways.filter(({ way }) => way.startsWith('turn'))
  if (turn.length > 0 && !turn.some(({ state }) => state === 'works')) {
    return m.network_verdict_no_turn()
  }
  // A STUN server says nothing to a device whose address nothing translates.
  const held = ways.filter(({ way, state }) => way !== 'stun' && state === 'fails')
  const names = new Set(held.map(({ way }) => wayText(way)))
  return names.size > 0
    ? m.network_verdict_held({ ways: [...names].join('; ') })
    : m.network_verdict_good()
}

/** Each relay once, as they come. */
export function relaysOf(ways: readonly WayTried[]): string[] {
  return [...new Set(ways.map(({ relay }) => relay))]
}

/** All of it as text, to be sent to who helps. */
export function reportOf(ways: readonly WayTried[]): string {
  const lines = relaysOf(ways).flatMap((relay) => [
    relay,
    ...ways
      .filter((each) => each.relay === relay)
      .map((each) => `  ${wayText(each.way)}: ${wayStateText(each)}`),
  ])
  return [verdict(ways), ...lines].filter((line) => line !== null).join('\n')
}
