import { formatBytes, formatDuration, formatShare } from '../../../i18n/format.ts'
import { m } from '../../../i18n/generated/messages.js'
import type { RelaySaid, RelayState, RelayTest, Transport } from '../api.ts'

/** How a relay stands, in words. */
export function relayStateText(state: RelayState): string {
  switch (state) {
    case 'reserved':
      return m.network_relay_reserved()
    case 'connected':
      return m.network_relay_connected()
    case 'connecting':
      return m.network_relay_connecting()
    case 'unreachable':
      return m.network_relay_unreachable()
    case 'idle':
      return m.network_relay_idle()
  }
}

/** What a relay says of itself, in parts: how full it is, how long it runs, what else it does. */
export function relaySaidTexts({ upMs, loadPercent, copies }: RelaySaid): string[] {
  return [
    m.network_relay_load({ share: formatShare(loadPercent / 100) }),
    m.network_relay_up({ time: formatDuration(upMs) }),
    copies === null
      ? m.network_relay_no_copies()
      : m.network_relay_copies({
          free: formatBytes(copies.freeBytes),
          each: formatBytes(copies.maxBytesEach),
        }),
  ]
}

/** What a failed test of a relay means, and what to do. */
export function relayTestProblem(error: NonNullable<RelayTest['error']>): string {
  switch (error) {
    case 'unreachable':
      return m.network_relay_test_unreachable()
    case 'timeout':
      return m.network_relay_test_timeout()
    case 'not-a-relay':
      return m.network_relay_test_not_a_relay()
    case 'refused':
      return m.network_relay_test_refused()
  }
}

/** What carries a connection, by its technical name. */
export function transportText(transport: Transport): string {
  switch (transport) {
    case 'websocket':
      return m.network_transport_websocket()
    case 'webtransport':
      return m.network_transport_webtransport()
    case 'webrtc':
      return m.network_transport_webrtc()
    case 'webrtc-direct':
      return m.network_transport_webrtc_direct()
    case 'http-binary':
      return m.network_transport_http_binary()
    case 'http-sse':
      return m.network_transport_http_sse()
    case 'http-longpoll':
      return m.network_transport_http_longpoll()
    case 'http-ws':
      return m.network_transport_http_ws()
    case 'circuit':
      return m.network_transport_circuit()
    case 'rendezvous':
      return m.network_transport_rendezvous()
    case 'other':
      return m.network_transport_other()
  }
}
