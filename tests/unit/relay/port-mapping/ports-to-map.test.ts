import { expect, test } from 'vitest'
import { readConfig, type Config } from '#relay/config.ts'
import { MAX_MAPPED_TURN_RELAY_PORTS } from '#relay/limits.ts'
import { portsToMap } from '#relay/port-mapping/ports-to-map.ts'

/** `tcp 8787` each, with `=` where it must be the same outside; and what was logged. */
function portsOf(
  flags: string[],
  { turn = 'off' }: { turn?: 'off' | 'coturn' | 'node-turn' } = {},
) {
  const logged: string[] = []
  const say = (text: string): void => void logged.push(text)
  const log = { debug: say, info: say, warn: say, error: say }
  const config = readConfig(flags, {}) as Config
  const ports = portsToMap(log, config, { port: 8_787, hasWebTransport: true, turn })
  return {
    ports: ports.map(({ protocol, port, isFixed }) => `${protocol} ${port}${isFixed ? ' =' : ''}`),
    logged,
  }
}

test('the port of the relay by TCP, by UDP for WebRTC, and that of WebTransport', () => {
  expect(portsOf([]).ports).toEqual(['tcp 8787', 'udp 8787'])
  expect(portsOf(['--no-webrtc', '--webtransport', '4433']).ports).toEqual(['tcp 8787', 'udp 4433'])
  expect(portsOf(['--no-webrtc', '--webtransport', '0']).ports).toEqual(['tcp 8787'])
})

test('those of TURN, which must be the same outside', () => {
  const few = ['--no-webrtc', '--turn-tls-port', '443', '--turn-relay-ports', '50000-50001']
  expect(portsOf(few, { turn: 'coturn' })).toEqual({
    ports: ['tcp 8787', 'udp 3478 =', 'tcp 3478 =', 'tcp 443 =', 'udp 50000 =', 'udp 50001 ='],
    logged: [],
  })
  expect(portsOf(few, { turn: 'node-turn' }).ports).not.toContain('tcp 3478 =')
})

test('as many of TURN as a router has room for, else none of them, and it is said', () => {
  const upTo = (count: number) =>
    portsOf(['--no-webrtc', '--turn-relay-ports', `50000-${49_999 + count}`], { turn: 'node-turn' })
  expect(upTo(MAX_MAPPED_TURN_RELAY_PORTS).ports).toHaveLength(2 + MAX_MAPPED_TURN_RELAY_PORTS)
  const { ports, logged } = upTo(MAX_MAPPED_TURN_RELAY_PORTS + 1)
  expect(ports).toHaveLength(2)
  expect(logged).toEqual([expect.stringContaining('--turn-relay-ports')])
})
