import { formatAgo, formatBytes, formatLatency, formatShare } from '../../../i18n/format.ts'
import { m } from '../../../i18n/generated/messages.js'
import type { RankedWay, RelayInfo } from '../api.ts'
import { transportText } from './network-words.ts'

/** What a way to a relay is called; over HTTP, the mode that went. */
export function rankedWayText({ way, mode }: Pick<RankedWay, 'way' | 'mode'>): string {
  if (way !== 'http') return transportText(way)
  return mode === null ? m.network_ways_http() : transportText(`http-${mode}`)
}

/** How a way to a relay stands on this network, in words. */
export function rankedStateText(
  { state, openMs, triedAtMs }: Pick<RankedWay, 'state' | 'openMs' | 'triedAtMs'>,
  nowMs: number,
): string {
  switch (state) {
    case 'used':
      return openMs === null
        ? m.network_ways_used()
        : m.network_ways_used_in({ latency: formatLatency(openMs) })
    case 'spare':
      return m.network_ways_spare()
    case 'open':
      return openMs === null
        ? m.network_ways_open()
        : m.network_ways_open_in({ latency: formatLatency(openMs) })
    case 'blocked':
      return m.network_ways_blocked({ when: formatAgo(triedAtMs ?? nowMs, nowMs) })
    case 'down':
      return m.network_relay_unreachable()
    case 'untried':
      return m.network_ways_untried()
  }
}

/** How a way does while it is used, in words; empty where that is not known. */
export function measuredText({
  lateShare,
  bytesPerSecond,
}: Pick<RankedWay, 'lateShare' | 'bytesPerSecond'>): string {
  const parts = [
    ...(lateShare === null ? [] : [m.network_ways_late({ share: formatShare(lateShare) })]),
    ...(bytesPerSecond === null
      ? []
      : [m.network_ways_carried({ size: formatBytes(bytesPerSecond) })]),
  ]
  return parts.join(' · ')
}

/** From 0 to 100, as people see it. */
export function scoreText(score: number): string {
  return String(Math.round(100 * score))
}

/**
 * What stands between me and this relay, and what that means; null where nothing does. Where no way to it comes through, others
 * that answer tell that it is not this network.
 */
export function obstacleText(
  { address, ways }: Pick<RelayInfo, 'address' | 'ways'>,
  relays: readonly Pick<RelayInfo, 'address' | 'ways'>[],
): string | null {
  if (ways.some(({ state }) => state === 'down')) {
    const othersAnswer = relays.some((each) => each.address !== address && usedWay(each) !== null)
    return othersAnswer ? m.network_relay_down() : m.network_relay_down_or_blocked()
  }
  const used = usedWay({ ways })
  const blocked = ways.filter(({ state }) => state === 'blocked')
  if (used === null || blocked.length === 0) return null
  return m.network_relay_blocked({
    blocked: [...new Set(blocked.map(rankedWayText))].join(', '),
    used: rankedWayText(used),
  })
}

function usedWay({ ways }: Pick<RelayInfo, 'ways'>): RankedWay | null {
  return ways.find(({ state }) => state === 'used') ?? null
}
