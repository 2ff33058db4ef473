import { Counter, type Registry } from 'prom-client'

/** Everything the relay refuses, by the name its counter has in `/metrics`. */
export const REFUSALS = [
  'connections-total',
  'connections-per-address',
  'connections-per-peer',
  'connection-rate',
  'connections-pending',
  'webrtc-handshakes',
  'streams-per-connection',
  'handshake-timeout',
  'handshake-failed',
  'path',
  'frame-malformed',
  'frame-too-large',
  'frame-text',
  'slow-reader',
  'buffer-full',
  'connect-requests',
  'connect-at-once',
  'connect-unknown',
  'connect-malformed',
  'rendezvous-at-once',
  'rendezvous-malformed',
  'rendezvous-ticket',
  'rendezvous-seats',
  'assist-requests',
  'assist-at-once',
  'assist-malformed',
  'assist-proof',
  'webtransport-total',
  'webtransport-per-address',
  'webtransport-rate',
  'webtransport-malformed',
  'reservations',
  'dht-requests',
  'dht-value-too-large',
  'dht-records-per-peer',
  'dht-records-total',
  'peer-too-large',
  'peers-total',
  'directory-requests',
  'directory-invalid',
  'provider-requests',
  'provider-invalid',
  'provider-records',
  'copies-malformed',
  'copies-busy',
  'copies-full',
  'copies-too-much',
  'copies-not-sealed',
  'status-malformed',
  'ice-malformed',
  'ice-requests',
  'nearby-malformed',
  'nearby-busy',
  'nearby-crowded',
  'disk-write',
  'mailbox-requests',
  'mailbox-at-once',
  'mailbox-bytes',
  'mailbox-malformed',
  'mailbox-not-allowed',
  'mailbox-no-prekeys',
  'mailbox-no-signpost',
  'mailbox-full-mailbox',
  'mailbox-full-sender',
  'mailbox-full-strangers',
  'mailbox-full-relay',
  'mailbox-failed',
  'wake-ups',
] as const

export type Refusal = (typeof REFUSALS)[number]

/** Counts what was refused. */
export interface Refusals {
  count(refusal: Refusal, times?: number): void
}

/** Counts it, and tells how often. */
export interface CountedRefusals extends Refusals {
  /** Since the start, by the reason. */
  counted(): Promise<Map<string, number>>
}

/** Refusals as `starling_relay_refused_total{reason}`, each there from the start with 0. */
export function refusals(registry: Registry): CountedRefusals {
  const counter = new Counter({
    name: 'starling_relay_refused_total',
    help: 'What the relay refused, by reason',
    labelNames: ['reason'],
    registers: [registry],
  })
  for (const reason of REFUSALS) counter.inc({ reason }, 0)
  return {
    count(reason, times = 1) {
      counter.inc({ reason }, times)
    },
    async counted() {
      const { values } = await counter.get()
      return new Map(values.map(({ labels, value }) => [String(labels.reason), value]))
    },
  }
}
