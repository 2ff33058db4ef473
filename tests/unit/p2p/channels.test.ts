import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import type { Channel } from '../../../src/lib/p2p/api.ts'
import { OPEN_GRACE_MS, OPEN_TIMEOUT_MS } from '../../../src/lib/p2p/channels/channels.ts'
import { encodeCredit } from '../../../src/lib/p2p/channels/frames.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, FakeSide, LARGER, SMALLER } from './fake-network.ts'

const PROTOCOL = '/starling/test/1.0.0'

/** Serves the protocol; gives each channel as it comes. */
async function serve(side: FakeSide, accept: () => boolean = () => true) {
  const channels: Channel[] = []
  const came = new EventTarget()
  await side.start()
  await side.channels.handle({
    protocol: PROTOCOL,
    maxFrameBytes: 1_000,
    accept,
    onChannel: (channel) => {
      channels.push(channel)
      came.dispatchEvent(new Event('came'))
    },
  })
  return {
    channels,
    living: () => channels.filter(({ closed }) => !closed.aborted),
    async count(wanted: number): Promise<void> {
      while (channels.length < wanted) {
        await new Promise((resolve) => {
          came.addEventListener('came', resolve, { once: true })
        })
      }
    },
  }
}

async function echo(from: Channel, to: Channel, text: string): Promise<string> {
  await from.send(new TextEncoder().encode(text))
  for await (const frame of to.frames()) return new TextDecoder().decode(frame)
  return 'ended'
}

async function ended(stream: Stream): Promise<void> {
  if (stream.status !== 'open') return
  await new Promise((resolve) => {
    stream.addEventListener('close', resolve)
  })
}

function sides() {
  const clock = new ManualClock()
  const small = new FakeSide(SMALLER, clock)
  const large = new FakeSide(LARGER, clock)
  return { clock, small, large }
}

test.for(['small', 'large'] as const)(
  'of two opened at once on one connection both sides keep the same (%s dialled)',
  async (dialler) => {
    const { small, large } = sides()
    const ours = await serve(small)
    const theirs = await serve(large)
    if (dialler === 'small') connect(small, large, 'direct')
    else connect(large, small, 'direct')
    small.channels.offer(PROTOCOL, LARGER)
    large.channels.offer(PROTOCOL, SMALLER)
    await Promise.all([ours.count(1), theirs.count(1)])
    const [a] = ours.living()
    const [b] = theirs.living()
    expect(await echo(a!, b!, 'across')).toBe('across')
    expect([ours.living().length, theirs.living().length]).toEqual([1, 1])
  },
)

test('the side that was dialled opens only when nothing came', async () => {
  const { clock, small, large } = sides()
  let wanted = false
  const ours = await serve(small, () => wanted)
  const theirs = await serve(large)
  connect(small, large, 'direct')
  // Whether a channel is wanted is asked first, in turns of their own.
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(OPEN_GRACE_MS - 1)
  expect(theirs.channels).toEqual([])
  wanted = true
  clock.advance(1)
  await Promise.all([ours.count(1), theirs.count(1)])
})

test('a channel moves to a better connection, and the old one ends', async () => {
  const { small, large } = sides()
  const ours = await serve(small)
  const theirs = await serve(large)
  connect(small, large, 'relayed')
  await Promise.all([ours.count(1), theirs.count(1)])
  connect(large, small, 'direct')
  await Promise.all([ours.count(2), theirs.count(2)])
  expect(ours.channels.map(({ path, closed }) => [path, closed.aborted])).toEqual([
    ['relayed', true],
    ['direct', false],
  ])
  expect(theirs.living().map(({ path }) => path)).toEqual(['direct'])
})

test('falls back at once when the better connection breaks', async () => {
  const { clock, small, large } = sides()
  const ours = await serve(small)
  const theirs = await serve(large)
  connect(small, large, 'relayed')
  await Promise.all([ours.count(1), theirs.count(1)])
  const direct = connect(large, small, 'direct')
  await Promise.all([ours.count(2), theirs.count(2)])
  direct.abort(new Error('the tab is gone'))
  clock.advance(0)
  await Promise.all([ours.count(3), theirs.count(3)])
  expect(ours.living().map(({ path }) => path)).toEqual(['relayed'])
})

test('an unwanted peer gets no channel, and one no longer wanted loses it', async () => {
  const { small, large } = sides()
  let wanted = true
  const ours = await serve(small, () => wanted)
  const theirs = await serve(large)
  connect(small, large, 'direct')
  await Promise.all([ours.count(1), theirs.count(1)])
  wanted = false
  small.channels.offer(PROTOCOL, LARGER)
  const { closed } = theirs.channels[0]!
  if (!closed.aborted) {
    await new Promise((resolve) => {
      closed.addEventListener('abort', resolve)
    })
  }
  expect(ours.living()).toEqual([])
})

test('a peer that is no longer wanted when it is ready gets no channel', async () => {
  const { small, large } = sides()
  let wanted = true
  const theirs = await serve(large, () => wanted)
  const { signal } = new AbortController()
  const stream = await connect(small, large, 'direct').newStream(PROTOCOL, { signal })
  await new Promise((resolve) => setImmediate(resolve))
  wanted = false
  stream.send(encodeCredit(1_000))
  await new Promise((resolve) => {
    stream.addEventListener('close', resolve)
  })
  expect(theirs.channels).toEqual([])
})

test('a channel that the peer does not take in time is given up', async () => {
  const { clock, small, large } = sides()
  const ours = await serve(small)
  const connection = connect(small, large, 'direct')
  const asked = new Promise<Stream>((resolve) => {
    connection.other!.arrive = (_protocol, stream) => {
      resolve(stream)
    }
  })
  const stream = await asked
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(OPEN_TIMEOUT_MS - 1)
  expect(stream.status).toBe('open')
  clock.advance(1)
  await ended(stream)
  expect(ours.channels).toEqual([])
})

test('a channel that the peer opens and leaves is given up in time', async () => {
  const { clock, small, large } = sides()
  const theirs = await serve(large)
  const { signal } = new AbortController()
  const stream = await connect(small, large, 'direct').newStream(PROTOCOL, { signal })
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(OPEN_TIMEOUT_MS - 1)
  expect(stream.status).toBe('open')
  clock.advance(1)
  await ended(stream)
  expect(theirs.channels).toEqual([])
})

test('detached, no channel lives and no timer waits', async () => {
  const { clock, small, large } = sides()
  const ours = await serve(small)
  const theirs = await serve(large)
  connect(small, large, 'direct')
  await Promise.all([ours.count(1), theirs.count(1)])
  await Promise.all([small.channels.detach(), large.channels.detach()])
  expect([...ours.living(), ...theirs.living()]).toEqual([])
  expect(clock.pending).toBe(0)
})
