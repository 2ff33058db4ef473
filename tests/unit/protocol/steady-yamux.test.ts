import { once } from 'node:events'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { steadyYamux } from '#lib/protocol/steady-yamux.ts'

test('a stream that is opened on a connection that takes nothing any more ends with it, and nothing is thrown', async () => {
  const [near, far] = multiaddrConnectionPair()
  const muxer = steadyYamux()().createStreamMuxer(near)
  steadyYamux()().createStreamMuxer(far)
  Object.assign(near, { writeStatus: 'closed' })
  const stream = await muxer.createStream()
  if (stream.status === 'open') await once(stream, 'close')
  expect([near.status, muxer.status]).toEqual(['aborted', 'closed'])
})

test('streams carry bytes both ways', async () => {
  const [near, far] = multiaddrConnectionPair()
  const muxer = steadyYamux()().createStreamMuxer(near)
  const other = steadyYamux()().createStreamMuxer(far)
  other.addEventListener('stream', ({ detail: stream }) => {
    stream.addEventListener('message', ({ data }) => stream.send(data))
  })
  const stream = await muxer.createStream()
  const echoed = new Promise<number>((resolve) => {
    stream.addEventListener('message', ({ data }) => {
      resolve(data.byteLength)
    })
  })
  stream.send(new Uint8Array(5))
  expect(await echoed).toBe(5)
})
