import type { Connection } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { askRelay } from '../../../src/lib/p2p/ask-relay.ts'
import { encodeLengthPrefixed } from '../../../src/lib/p2p/length-prefixed.ts'
import { NoAnswerError } from '../../../src/lib/p2p/errors.ts'
import {
  DIRECTORY,
  DIRECTORY_TIMEOUT_MS,
  MAX_DIRECTORY_RESPONSE_BYTES,
} from '../../../src/lib/protocol/directory.ts'
import { StarlingError } from '../../../src/lib/protocol/errors.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

test('a directory that does not answer in time is given up, and leaves no timer', async () => {
  const clock = new ManualClock()
  const [near, far] = await streamPair()
  const asked = new Promise((resolve) => {
    far.addEventListener('message', resolve)
  })
  const connection = { newStream: () => Promise.resolve(near) } as unknown as Connection
  let over = false
  const answer = askRelay(connection, DIRECTORY, { type: 'relays' }, clock).finally(() => {
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

test.each([
  ['longer than any', encodeLengthPrefixed(new Uint8Array(MAX_DIRECTORY_RESPONSE_BYTES + 1))],
  ['of a length padded with zeros', Uint8Array.of(0x80, 0)],
  ['of a length that does not end', new Uint8Array(9).fill(0x80)],
  ['that is no response', Uint8Array.of(1, 0xff)],
])('an answer %s is refused with an error of ours', async (_what, bytes) => {
  const [near, far] = await streamPair()
  far.addEventListener('message', () => {
    far.send(bytes)
  })
  const connection = { newStream: () => Promise.resolve(near) } as unknown as Connection
  await expect(
    askRelay(connection, DIRECTORY, { type: 'relays' }, new ManualClock()),
  ).rejects.toThrow(StarlingError)
})
