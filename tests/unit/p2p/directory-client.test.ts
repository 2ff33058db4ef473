import type { Connection } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { askDirectory } from '../../../src/lib/p2p/discovery/directory-client.ts'
import { NoAnswerError } from '../../../src/lib/p2p/errors.ts'
import { DIRECTORY_TIMEOUT_MS } from '../../../src/lib/protocol/directory.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

test('a directory that does not answer in time is given up, and leaves no timer', async () => {
  const clock = new ManualClock()
  const [near, far] = await streamPair()
  const asked = new Promise((resolve) => {
    far.addEventListener('message', resolve)
  })
  const connection = { newStream: () => Promise.resolve(near) } as unknown as Connection
  let over = false
  const answer = askDirectory(connection, { type: 'relays' }, clock).finally(() => {
    over = true
  })

  await asked
  clock.advance(DIRECTORY_TIMEOUT_MS - 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(over).toBe(false)
  clock.advance(1)

  await expect(answer).rejects.toThrow(NoAnswerError)
  expect(clock.pending).toBe(0)
})
