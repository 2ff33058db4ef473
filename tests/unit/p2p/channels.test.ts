import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import type { Channel } from '../../../src/lib/p2p/api.ts'
import { OPEN_GRACE_MS, OPEN_TIMEOUT_MS } from '../../../src/lib/p2p/channels/channels.ts'
import { encodeCredit } from '../../../src/lib/p2p/channels/frames.ts'
import { LANE_IDLE_MS, MAX_LANES } from '../../../src/lib/p2p/channels/wide-channel.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, type FakeConnection, FakeSide, LARGER, SMALLER } from './fake-network.ts'

const PROTOCOL = '/starling/test/1.0.0'

/** Serves the protocol; gives each channel as it comes. */
async function serve(
  side: FakeSide,
  accept: () => boolean = () => true,
  wide = false,
  takes = false,
) {
  const channels: Channel[] = []
  const came = new EventTarget()
  await side.start()
  await side.channels.handle({
    protocol: PROTOCOL,
    maxFrameBytes: 1_000,
    wide,
    accept,
    takes: () => takes,
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

/** Two with a wide channel between them; `small` has dialled, and can dial lanes. */
async function wide() {
  const { clock, small, large } = sides()
  const [ours, theirs] = await Promise.all(
    [small, large].map((side) => serve(side, () => true, true)),
  )
  const lanes: FakeConnection[] = []
  small.dialLane = () => Promise.resolve(lanes.push(connect(small, large, 'direct')))
  connect(small, large, 'direct')
  await Promise.all([ours!.count(1), theirs!.count(1)])
  return { clock, small, large, lanes, near: ours!.living()[0]!, far: theirs!.living()[0]! }
}

/** Until this many connections carry the channel on both sides. */
async function widened(connections: number, ...channels: Channel[]): Promise<void> {
  for (const channel of channels) {
    while (channel.connections !== connections) await new Promise((go) => setImmediate(go))
  }
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

test('what was being opened on a connection that breaks is opened at once on the one left', async () => {
  const { clock, small, large } = sides()
  const ours = await serve(small)
  // Takes what is opened, and opens nothing.
  await serve(large, () => false, false, true)
  const direct = connect(small, large, 'direct')
  direct.other!.arrive = () => undefined
  connect(small, large, 'relayed')
  await new Promise((resolve) => setImmediate(resolve))
  direct.abort(new Error('the tab is gone'))
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(0)
  await ours.count(1)
  expect(ours.living().map(({ path }) => path)).toEqual(['relayed'])
})

test('what was taken is moved, too, by who dialled the better connection, and not opened anew', async () => {
  const { small, large } = sides()
  const ours = await serve(small, () => false, false, true)
  const theirs = await serve(large)
  connect(large, small, 'relayed')
  await Promise.all([ours.count(1), theirs.count(1)])
  connect(small, large, 'direct')
  await Promise.all([ours.count(2), theirs.count(2)])
  expect(theirs.living().map(({ path }) => path)).toEqual(['direct'])
  theirs.living()[0]!.close()
  const { closed } = ours.channels[1]!
  if (!closed.aborted)
    await new Promise((end) => {
      closed.addEventListener('abort', end)
    })
  small.channels.offer(PROTOCOL, LARGER)
  await new Promise((go) => setImmediate(go))
  expect(ours.channels).toHaveLength(2)
})

test('a channel that was being opened when a better connection came moves there afterwards', async () => {
  const { clock, small, large } = sides()
  const ours = await serve(small, () => false, false, true)
  const theirs = await serve(large)
  const first = connect(large, small, 'relayed')
  const opening = first.newStream.bind(first)
  first.newStream = async (...parts) => {
    connect(small, large, 'relayed')
    await new Promise((go) => setImmediate(go))
    return opening(...parts)
  }
  await Promise.all([ours.count(1), theirs.count(1)])
  clock.advance(OPEN_GRACE_MS)
  await Promise.all([ours.count(2), theirs.count(2)])
  first.abort(new Error('spare'))
  expect([ours.living().length, theirs.living().length]).toEqual([1, 1])
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

test('a wide channel carries what is spread over several connections, either way', async () => {
  const { small, lanes, near, far } = await wide()
  near.widen()
  await widened(1 + MAX_LANES, near, far)
  expect(small.links.of(LARGER)).toHaveLength(1 + MAX_LANES)

  const sent = Array.from({ length: 40 }, (_, index) => Uint8Array.of(index))
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    const came: number[] = []
    const reading = (async () => {
      for await (const [index] of to.frames()) if (came.push(index!) === sent.length) return
    })()
    for (const frame of sent) await from.spread(frame)
    await reading
    expect(came.toSorted((a, b) => a - b)).toEqual(sent.map(([index]) => index))
  }
  expect(lanes.every(({ carried }) => carried > 0)).toBe(true)
})

test('lanes that carry nothing are closed, and the channel goes on', async () => {
  const { clock, small, near, far } = await wide()
  near.widen()
  await widened(1 + MAX_LANES, near, far)
  clock.advance(LANE_IDLE_MS)
  await widened(1, near, far)
  expect(await echo(near, far, 'still')).toBe('still')
  while (small.links.of(LARGER).length > 1) await new Promise((go) => setImmediate(go))
})

test('a channel whose lane breaks ends: what the lane carried is lost', async () => {
  const { lanes, near, far } = await wide()
  near.widen()
  await widened(1 + MAX_LANES, near, far)
  lanes[0]!.abort(new Error('gone'))
  expect(near.closed.aborted).toBe(true)
  expect(far.closed.aborted).toBe(true)
  await expect(near.spread(Uint8Array.of(1))).rejects.toThrow('closed')
})

test('a lane is taken no more often than allowed, and not for the connection that counts', async () => {
  const { small, large, near, far } = await wide()
  near.widen()
  await widened(1 + MAX_LANES, near, far)
  const [link] = small.links.of(LARGER)
  const more = await small.links.aside(LARGER, 'direct', () =>
    Promise.resolve(connect(small, large, 'direct')),
  )
  for (const { connection } of [more!, link!]) {
    const options = { signal: AbortSignal.timeout(5_000) }
    await ended(await connection.newStream(`${PROTOCOL}/lane`, options))
  }
  expect(near.connections).toBe(1 + MAX_LANES)
})

test('who serves no wide channel has no lanes', async () => {
  const { small, large } = sides()
  const ours = await serve(small)
  const theirs = await serve(large)
  small.dialLane = () => Promise.reject(new Error('dialled'))
  connect(small, large, 'direct')
  await Promise.all([ours.count(1), theirs.count(1)])
  ours.living()[0]!.widen()
  expect(ours.living()[0]!.connections).toBe(1)
})
