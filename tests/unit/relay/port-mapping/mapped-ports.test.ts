import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  MAX_PORT_RENEWAL_MS,
  MIN_PORT_RENEWAL_MS,
  PORT_LEASE_S,
  ROUTER_SEARCH_MS,
} from '#relay/limits.ts'
import type { PortToMap, RouterPlaces } from '#relay/port-mapping/gateway.ts'
import { type Mapped, MappedPorts } from '#relay/port-mapping/mapped-ports.ts'
import { eventually } from '../../../fixtures/eventually.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'
import { TestRouter } from '../../../fixtures/test-router.ts'

const HTTP: PortToMap = { protocol: 'tcp', port: 8_787, isFixed: false }
const WEBRTC: PortToMap = { protocol: 'udp', port: 8_787, isFixed: false }
const TURN: PortToMap = { protocol: 'udp', port: 3_478, isFixed: true }

const OURS = { client: '127.0.0.1', leaseS: PORT_LEASE_S }
const SOMEBODY = { client: '192.168.1.77', port: 1, leaseS: 0 }

/** Ports of a relay; what it logged, and what it told. */
function mappedPorts(places: () => RouterPlaces, ports = [HTTP, WEBRTC], host = '0.0.0.0') {
  const clock = new ManualClock()
  const logged: string[] = []
  const told: Mapped[] = []
  const say = (text: string): void => void logged.push(text)
  const mapped = new MappedPorts(
    {
      clock,
      random: seededRandom(1),
      log: { debug: say, info: say, warn: say, error: say },
      places: () => Promise.resolve(places()),
    },
    { ports, host, onChange: (now) => told.push(now) },
  )
  onTestFinished(() => mapped.stop())
  /** Resolves after this many rounds: each tells of one change. */
  const rounds = (count: number): Promise<void> =>
    eventually(() => {
      expect(told).toHaveLength(count)
    })
  /** Resolves when all who answered were asked, and the search alone goes on. */
  const searching = (begun: () => boolean): Promise<void> =>
    eventually(() => {
      expect([begun(), clock.pending]).toEqual([true, 2])
    })
  return { mapped, clock, logged, told, rounds, searching }
}

describe.each(['upnp', 'natPmp'] as const)('by %s', (way) => {
  test('ports are mapped, renewed before the lease ends, and taken back', async () => {
    const router = await TestRouter.start()
    const { mapped, clock, told, logged, rounds } = mappedPorts(() => router[way])
    await mapped.start()
    const table = [
      ['tcp 8787', { ...OURS, port: 8_787 }],
      ['udp 8787', { ...OURS, port: 8_787 }],
    ]
    expect([...router.table]).toEqual(table)
    expect(told.at(-1)).toMatchObject({ address: '45.67.89.10', localAddress: '127.0.0.1' })
    expect(logged).toHaveLength(1)
    // As a router does that was started anew.
    router.table.clear()
    expect(MAX_PORT_RENEWAL_MS).toBeLessThan((PORT_LEASE_S * 1_000) / 2)
    clock.advance(MAX_PORT_RENEWAL_MS)
    await rounds(2)
    expect([...router.table]).toEqual(table)
    await mapped.stop()
    expect([...router.table]).toEqual([])
    expect(told.at(-1)?.address).toBeNull()
    expect(clock.pending).toBe(0)
  })

  test('a port of somebody else stays theirs: another is taken, but not for one that must be the same', async () => {
    const router = await TestRouter.start()
    router.table.set('tcp 8787', SOMEBODY).set('udp 3478', SOMEBODY)
    const { mapped, told } = mappedPorts(() => router[way], [HTTP, TURN])
    await mapped.start()
    const [http, ...others] = told.at(-1)!.mappings
    expect(http).toMatchObject({ protocol: 'tcp', port: 8_787 })
    expect(router.table.get(`tcp ${http!.externalPort}`)).toEqual({ ...OURS, port: 8_787 })
    expect(others).toEqual([])
    await mapped.stop()
    expect([...router.table.values()]).toEqual([SOMEBODY, SOMEBODY])
  })

  test.each(['192.168.178.20', '100.64.1.1', '10.0.0.1', '0.0.0.0', '127.0.0.1'])(
    'nothing is mapped at a router whose own address is %s',
    async (externalAddress) => {
      const router = await TestRouter.start({ externalAddress })
      const { mapped, clock, told, logged, searching } = mappedPorts(() => router[way])
      const started = mapped.start()
      if (way === 'upnp') {
        await searching(() => router.asked.length > 0)
        clock.advance(ROUTER_SEARCH_MS)
      }
      await started
      expect(router.table.size).toBe(0)
      expect(told.at(-1)?.address).toBeNull()
      expect(logged).toEqual([expect.stringContaining('no public address')])
    },
  )
})

test('a router of the first version is asked in its own words', async () => {
  const router = await TestRouter.start({ version: 1 })
  const { mapped } = mappedPorts(() => router.upnp, [HTTP])
  await mapped.start()
  expect([...router.table.keys()]).toEqual(['tcp 8787'])
})

test('a router that lends for ever only is renewed all the same, and asked to forget it', async () => {
  const router = await TestRouter.start({ onlyPermanent: true })
  const { mapped } = mappedPorts(() => router.upnp, [HTTP])
  await mapped.start()
  expect([...router.table.values()]).toEqual([{ ...OURS, port: 8_787, leaseS: 0 }])
  await mapped.stop()
  expect(router.table.size).toBe(0)
})

test('where no router answers one line says so, and one that comes later is found', async () => {
  const router = await TestRouter.start({ silent: true })
  const { mapped, clock, told, logged, rounds, searching } = mappedPorts(() => router.upnp, [HTTP])
  const started = mapped.start()
  await searching(() => true)
  clock.advance(ROUTER_SEARCH_MS)
  await started
  clock.advance(MAX_PORT_RENEWAL_MS)
  await searching(() => true)
  clock.advance(ROUTER_SEARCH_MS)
  await rounds(2)
  expect(logged).toEqual([
    'no ports are mapped: no router answers by UPnP or NAT-PMP: switch one of them on there',
  ])
  router.ways.silent = false
  clock.advance(MAX_PORT_RENEWAL_MS)
  await rounds(3)
  expect(told.at(-1)?.address).toBe('45.67.89.10')
})

test('a new address of the router is told; a private one takes back what was told', async () => {
  const router = await TestRouter.start()
  const { mapped, clock, told, rounds, searching } = mappedPorts(() => router.upnp, [HTTP])
  await mapped.start()
  router.ways.externalAddress = '45.67.89.11'
  clock.advance(MAX_PORT_RENEWAL_MS)
  await rounds(2)
  expect(told.at(-1)?.address).toBe('45.67.89.11')
  router.ways.externalAddress = '10.0.0.1'
  clock.advance(MAX_PORT_RENEWAL_MS)
  // It is asked, and once more, as it may be another router now.
  await searching(() => router.asked.filter((each) => each === 'GetExternalIPAddress').length === 4)
  clock.advance(ROUTER_SEARCH_MS)
  await rounds(3)
  expect(told.at(-1)?.address).toBeNull()
})

test('a lease of a second is not renewed every second', async () => {
  const router = await TestRouter.start({ maxLeaseS: 1 })
  const { mapped, clock } = mappedPorts(() => router.natPmp, [HTTP])
  const after = vi.spyOn(clock, 'after')
  await mapped.start()
  expect(after).toHaveBeenLastCalledWith(MIN_PORT_RENEWAL_MS, expect.anything())
})

test('a relay that listens on another address only has nothing mapped', async () => {
  const router = await TestRouter.start()
  const { mapped, logged } = mappedPorts(() => router.upnp, [HTTP], '192.168.1.5')
  await mapped.start()
  expect(router.table.size).toBe(0)
  expect(logged).toEqual([expect.stringContaining('listens on 192.168.1.5 alone')])
})

describe('a hostile router', () => {
  /** What is said of it once it was asked. */
  async function refusal(router: TestRouter, isAsked: () => boolean): Promise<string> {
    const { mapped, clock, logged, searching } = mappedPorts(() => router.upnp, [HTTP])
    const started = mapped.start()
    await searching(isAsked)
    clock.advance(ROUTER_SEARCH_MS)
    await started
    return logged.join()
  }

  test('that never ends an answer is left', async () => {
    let written = 0
    const router = await TestRouter.start({
      answer: (response) => {
        const more = (): void => {
          written += 16_384
          if (!response.destroyed) response.write('x'.repeat(16_384), more)
        }
        more()
      },
    })
    // The question is over before any time has passed.
    expect(await refusal(router, () => written > 64 * 1_024)).toContain('too long')
  })

  test('sends nobody elsewhere: by a redirect, a control address, or where it says it is described', async () => {
    const victim = await TestRouter.start()
    const redirecting = await TestRouter.start({
      answer: (response) => response.writeHead(307, { location: victim.origin }).end(),
    })
    const elsewhere = victim.origin.replace('127.0.0.1', '127.0.0.2')
    const controlling = await TestRouter.start({ controlUrl: elsewhere })
    const describing = await TestRouter.start({ location: elsewhere })
    for (const [router, why] of [
      [redirecting, 'gave no answer'],
      [controlling, 'maps no ports'],
    ] as const) {
      expect(await refusal(router, () => router.requests > 0)).toContain(why)
    }
    expect(await refusal(describing, () => describing.searches > 0)).toContain('no router')
    expect(victim.requests).toBe(0)
  })
})
