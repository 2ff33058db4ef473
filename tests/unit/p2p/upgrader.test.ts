import { expect, test } from 'vitest'
import type { WebRtcBridge } from '../../../src/lib/p2p/api.ts'
import {
  CONNECTION_BUDGET,
  MAX_UPGRADES,
  SPARING_MS,
  UPGRADE_GRACE_MS,
  UPGRADE_TIMEOUT_MS,
  Upgrader,
} from '../../../src/lib/p2p/keeper/upgrader.ts'
import type { Node } from '../../../src/lib/p2p/node.ts'
import { peerIdOf } from '../../../src/lib/protocol/ids.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, FakeSide, silent, SMALLER } from './fake-network.ts'

/** An upgrader on a clock that stands still; each dial ends as `dial` does. */
function upgrading(dial: (signal: AbortSignal) => Promise<void>) {
  const clock = new ManualClock()
  const self = new FakeSide(SMALLER, clock)
  const upgrader = new Upgrader({
    self: SMALLER,
    links: self.links,
    bridge: { available: true } as unknown as WebRtcBridge,
    clock,
    random: systemRandom,
    log: silent,
    wanted: () => true,
  })
  let dials = 0
  upgrader.attach({
    libp2p: {
      dial: (_address: unknown, { signal }: { signal: AbortSignal }) => {
        dials += 1
        return dial(signal)
      },
    },
  } as unknown as Node)
  /** Reaches somebody through a relay. */
  const reach = (n: number): void => {
    connect(self, new FakeSide(peerIdOf(new Uint8Array(32).fill(n + 10)), clock), 'relayed')
  }
  return { clock, upgrader, reach, dials: () => dials }
}

/** Everything that is due without the clock. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('as many upgrades are under way as allowed; the next waits until one of them was given up', async () => {
  const { clock, upgrader, reach, dials } = upgrading(
    (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error)
        })
      }),
  )
  for (let n = 0; n <= MAX_UPGRADES; n += 1) reach(n)
  clock.advance(UPGRADE_TIMEOUT_MS - 1)
  await settled()
  expect(dials()).toBe(MAX_UPGRADES)
  clock.advance(1)
  await settled()
  clock.advance(UPGRADE_GRACE_MS)
  expect(dials()).toBeGreaterThan(MAX_UPGRADES)
  upgrader.detach()
})

test('a tab that has made as many connections as allowed upgrades but rarely, and a new tab at once', async () => {
  const { clock, upgrader, reach, dials } = upgrading(() => Promise.resolve())
  reach(0)
  const upgrade = async (): Promise<void> => {
    clock.advance(0)
    await settled()
    upgrader.retry()
  }
  while (dials() < CONNECTION_BUDGET) await upgrade()
  clock.advance(SPARING_MS - 1)
  expect(dials()).toBe(CONNECTION_BUDGET)
  clock.advance(UPGRADE_GRACE_MS)
  await settled()
  expect(dials()).toBe(CONNECTION_BUDGET + 1)
  upgrader.retry()
  clock.advance(SPARING_MS / 2)
  expect(dials()).toBe(CONNECTION_BUDGET + 1)
  upgrader.bridgeChanged()
  clock.advance(0)
  expect(dials()).toBe(CONNECTION_BUDGET + 2)
  upgrader.detach()
})
