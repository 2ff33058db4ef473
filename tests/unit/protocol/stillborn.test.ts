import type { Connection, Libp2pEvents } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { expect, test } from 'vitest'
import { forgetStillborn } from '../../../src/lib/protocol/stillborn.ts'

/** What libp2p's connection manager would hold. */
async function heldAfterOpening(status: Connection['status']): Promise<unknown[]> {
  const events = new TypedEventEmitter<Libp2pEvents>()
  const held = new Set<unknown>()
  forgetStillborn({ events })
  events.addEventListener('connection:open', ({ detail }) => held.add(detail))
  events.addEventListener('connection:close', ({ detail }) => held.delete(detail))

  events.safeDispatchEvent('connection:open', { detail: { status } as Connection })
  await Promise.resolve()

  return [...held]
}

test('a connection that ended before it was announced is not held', async () => {
  expect(await heldAfterOpening('closed')).toEqual([])
  expect(await heldAfterOpening('reset')).toEqual([])
})

test('a living connection is held', async () => {
  expect(await heldAfterOpening('open')).toHaveLength(1)
})
