import type { Stream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { muxer } from '../../../src/lib/p2p/muxer.ts'

/** A relay holds four of these for one connection, and no more. */
const WINDOW_BYTES = 256 * 1_024

test('a stream that is read fast for long lets no more be under way than at first', async () => {
  const [near, far] = multiaddrConnectionPair({ delay: 2 })
  const reader = muxer().createStreamMuxer(near)
  const writer = muxer().createStreamMuxer(far)
  const came = new Promise<Stream>((resolve) => {
    reader.addEventListener('stream', ({ detail }) => {
      resolve(detail)
    })
  })
  // yamux lets more be under way where it knows how long that takes.
  await reader.ping()
  const out = await writer.createStream()
  const into = (await came) as Stream & { recvWindow: number }
  let readBytes = 0
  into.addEventListener('message', ({ data }) => {
    readBytes += data.byteLength
  })
  const chunk = new Uint8Array(64 * 1_024)
  while (readBytes < 4 * 1_024 * 1_024) {
    if (out.send(chunk)) continue
    await new Promise((resolve) => {
      out.addEventListener('drain', resolve, { once: true })
    })
  }
  expect(into.recvWindow).toBe(WINDOW_BYTES)
})
