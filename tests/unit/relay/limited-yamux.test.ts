import { yamux } from '@chainsafe/libp2p-yamux'
import type { Stream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { limitedYamux } from '#relay/limited-yamux.ts'
import { MAX_STREAMS_PER_CONNECTION } from '#relay/limits.ts'
import { CountingRefusals } from './counting-refusals.ts'

async function ended(stream: Stream): Promise<void> {
  if (stream.status !== 'open') return
  await new Promise((resolve) => {
    stream.addEventListener('close', resolve)
  })
}

test('a peer opens as many streams as allowed; the next is reset, until one has ended', async () => {
  const refusals = new CountingRefusals()
  const [near, far] = multiaddrConnectionPair()
  const client = yamux()().createStreamMuxer(near)
  const relay = limitedYamux({ refusals })().createStreamMuxer(far)
  let arrived = (): void => undefined
  relay.addEventListener('stream', () => {
    arrived()
  })
  const open = async (): Promise<Stream> => {
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const stream = await client.createStream()
    await arrival
    return stream
  }

  const streams: Stream[] = []
  while (streams.length < MAX_STREAMS_PER_CONNECTION) streams.push(await open())
  expect(refusals.counted).toEqual([])
  expect(relay.streams).toHaveLength(MAX_STREAMS_PER_CONNECTION)

  await ended(await open())
  expect(refusals.counted).toEqual(['streams-per-connection'])
  expect(relay.streams).toHaveLength(MAX_STREAMS_PER_CONNECTION)
  expect(streams.every(({ status }) => status === 'open')).toBe(true)

  const [onRelay] = relay.streams
  const gone = ended(onRelay!)
  streams[0]?.abort(new Error('no longer needed'))
  await gone
  expect((await open()).status).toBe('open')
  expect(refusals.counted).toEqual(['streams-per-connection'])
})

test('a connection ends when its peer says goodbye, even if the socket stays open', async () => {
  const [near, far] = multiaddrConnectionPair()
  const client = yamux()().createStreamMuxer(near)
  limitedYamux({ refusals: new CountingRefusals() })().createStreamMuxer(far)
  const gone = new Promise((resolve) => {
    far.addEventListener('close', resolve)
  })

  await client.close()

  await gone
  expect(far.status).toBe('closed')
})
