import type { Logger } from '#lib/protocol/seams.ts'
import type { Config } from '../config.ts'
import { MAX_MAPPED_TURN_RELAY_PORTS } from '../limits.ts'
import type { PortToMap } from './gateway.ts'

/** The ports at which this relay, and the TURN server beside it, listen for others. */
export function portsToMap(
  log: Logger,
  config: Config,
  {
    port,
    hasWebTransport,
    turn,
  }: {
    /** At which the relay listens. */
    port: number
    hasWebTransport: boolean
    turn: 'off' | 'coturn' | 'node-turn'
  },
): PortToMap[] {
  const ports: PortToMap[] = [{ protocol: 'tcp', port, isFixed: false }]
  if (config.webrtc) ports.push({ protocol: 'udp', port, isFixed: false })
  // Any port is not known yet.
  if (hasWebTransport && config.webTransport !== null && config.webTransport !== 0) {
    ports.push({ protocol: 'udp', port: config.webTransport, isFixed: false })
  }
  if (turn === 'off') return ports
  const fixed = (protocol: 'tcp' | 'udp', of: number): PortToMap => ({
    protocol,
    port: of,
    isFixed: true,
  })
  ports.push(fixed('udp', config.turnPort))
  if (turn === 'coturn') {
    ports.push(fixed('tcp', config.turnPort))
    if (config.turnTlsPort !== null) ports.push(fixed('tcp', config.turnTlsPort))
  }
  const { first, last } = config.turnRelayPorts
  if (last - first < MAX_MAPPED_TURN_RELAY_PORTS) {
    for (let each = first; each <= last; each += 1) ports.push(fixed('udp', each))
  } else {
    log.warn(
      `the ports of what TURN relays are not mapped, as no router maps so many: name ${MAX_MAPPED_TURN_RELAY_PORTS} at most by --turn-relay-ports`,
    )
  }
  return ports
}
