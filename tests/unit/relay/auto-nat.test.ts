import { autoNAT, type AutoNATComponents } from '@libp2p/autonat'
import type { Startable } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { onTestFinished, test, expect, vi } from 'vitest'
import { autoNATWithoutWalks } from '#relay/auto-nat.ts'

/** How many walks for peers begin in the first two minutes of a relay whose address nobody has verified. */
async function walksOf(create: (components: AutoNATComponents) => unknown): Promise<number> {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  let walks = 0
  const service = create({
    logger: defaultLogger(),
    registrar: {
      handle: () => Promise.resolve(),
      unhandle: () => Promise.resolve(),
      register: () => Promise.resolve('autonat'),
    },
    addressManager: { getAddressesWithMetadata: () => [{ verified: false, expires: 0 }] },
    randomWalk: {
      // eslint-disable-next-line require-yield -- it meets nobody
      async *walk() {
        walks += 1
        await Promise.resolve()
      },
    },
  } as unknown as AutoNATComponents) as Startable
  await service.start()
  await vi.advanceTimersByTimeAsync(121_000)
  await service.stop()
  return walks
}

test('libp2p’s own AutoNAT walks while an address is not verified', async () => {
  expect(await walksOf(autoNAT())).toBeGreaterThan(0)
})

test('a relay’s does not', async () => {
  expect(await walksOf(autoNATWithoutWalks)).toBe(0)
})
