import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentIdOf } from '#lib/content/content-id.ts'
import { Conversation, MAX_UNSENT_BYTES } from '#lib/content/exchange/conversation.ts'
import {
  BLOCKS_PROTOCOL,
  decodeFrame,
  encodeMessage,
  encodePart,
  MAX_BLOCKS_FRAME_BYTES,
  MAX_ASKED,
  MAX_TOPICS,
  PAGE_LEAVES,
  type BlocksFrame,
} from '#lib/content/exchange/protocol.ts'
import { Rate } from '#lib/content/exchange/rate.ts'
import type { Reader } from '#lib/content/exchange/reader.ts'
import type { Channel } from '#lib/p2p/api.ts'
import { peerIdOf } from '#lib/protocol/ids.ts'
import { systemClock } from '#lib/protocol/seams.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { Swarm, type SwarmDevice } from '../../../fixtures/swarm.ts'

let swarm: Swarm

beforeEach(() => {
  swarm = new Swarm()
})

afterEach(() => swarm.stop())

/** Somebody who says what they like to this device. */
async function stranger(device: SwarmDevice): Promise<Channel> {
  const host = swarm.network.host(peerIdOf(new Uint8Array(32).fill(9)))
  const opened = Promise.withResolvers<Channel>()
  await host.channels.handle({
    protocol: BLOCKS_PROTOCOL,
    maxFrameBytes: MAX_BLOCKS_FRAME_BYTES,
    accept: () => true,
    onChannel: opened.resolve,
  })
  swarm.network.connect(host, device.host)
  return opened.promise
}

async function next<Type extends BlocksFrame['type']>(
  channel: Channel,
  type: Type,
): Promise<Extract<BlocksFrame, { type: Type }>> {
  for await (const bytes of channel.frames()) {
    const frame = decodeFrame(Uint8Array.from(bytes))
    if (frame.type === type) return frame as Extract<BlocksFrame, { type: Type }>
  }
  throw new Error('the channel ended')
}

function ended(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    channel.closed.addEventListener('abort', () => {
      resolve()
    })
  })
}

test('as many topics as there may be are open; one more ends the channel', async () => {
  const device = await swarm.join()
  const content = await device.make(3)
  const channel = await stranger(device)
  for (let topic = 0; topic < MAX_TOPICS; topic += 1) {
    await channel.send(encodeMessage({ type: 'open', topic, content }))
  }
  await next(channel, 'has')
  expect(channel.closed.aborted).toBe(false)
  await channel.send(encodeMessage({ type: 'open', topic: MAX_TOPICS, content }))
  await ended(channel)
})

test.each([
  ['bytes that are no frame', Uint8Array.of(7)],
  ['a message that is none', Uint8Array.of(0, 0xff)],
])('%s end the channel', async (_name, frame) => {
  const device = await swarm.join()
  const channel = await stranger(device)
  await channel.send(frame)
  await ended(channel)
})

test('a topic that was opened twice ends the channel', async () => {
  const device = await swarm.join()
  const content = await device.make(3)
  const channel = await stranger(device)
  const open = encodeMessage({ type: 'open', topic: 0, content })
  await channel.send(open)
  await channel.send(open)
  await ended(channel)
})

test('parts of topics that nobody opened, and words about them, are nothing', async () => {
  const device = await swarm.join()
  const content = await device.make(3)
  const channel = await stranger(device)
  await channel.send(encodePart(5, { kind: 'leaf', index: 0 }, new Uint8Array(10)))
  await channel.send(encodeMessage({ type: 'gained', topic: 5, leaves: [1] }))
  await channel.send(encodeMessage({ type: 'ask', topic: 5, parts: [['leaf', 0]] }))
  await channel.send(encodeMessage({ type: 'open', topic: 0, content }))
  await next(channel, 'has')
  expect(channel.closed.aborted).toBe(false)
})

test('what is not there is said to be lacking, and not known what is unknown', async () => {
  const device = await swarm.join()
  const content = await device.make(3)
  const channel = await stranger(device)
  await channel.send(encodeMessage({ type: 'open', topic: 0, content }))
  await next(channel, 'choke')
  await channel.send(encodeMessage({ type: 'ask', topic: 0, parts: [['leaf', 99]] }))
  expect(await next(channel, 'lacks')).toMatchObject({ kind: 'leaf', index: 99 })
  const other = contentIdOf(new Uint8Array(32))
  await channel.send(encodeMessage({ type: 'open', topic: 1, content: other }))
  expect(await next(channel, 'refused')).toEqual({ type: 'refused', topic: 1, reason: 'unknown' })
})

test('who is interested is asked what they have, and what they say of leaves there are not counts as nothing', async () => {
  const device = await swarm.join()
  const content = await device.make(20)
  const channel = await stranger(device)
  const [reader] = await opened()
  expect(reader!.leaves).toBeNull()
  await channel.send(encodeMessage({ type: 'interest', topic: 3, interested: true }))
  const { topic } = await next(channel, 'open')
  const all = new Uint8Array(PAGE_LEAVES / 8).fill(0xff)
  await channel.send(encodeMessage({ type: 'has', topic, page: 7, bits: all }))
  await channel.send(encodeMessage({ type: 'has', topic, page: 0, bits: Uint8Array.of(0xf0) }))
  await channel.send(encodeMessage({ type: 'gained', topic, leaves: [0, 4, 5, 5, 2_000] }))
  await heard()
  const nowMs = systemClock.now()
  expect(reader!.leaves!.count).toBe(6)
  // Two in the two seconds that are looked at: 14 are missing.
  expect(reader!.msLeft(nowMs)).toBeCloseTo(14_000)
  await channel.send(encodeMessage({ type: 'has', topic, page: null, bits: new Uint8Array(0) }))
  await heard()
  expect(reader!.msLeft(nowMs)).toBeNull()
  await channel.send(encodeMessage({ type: 'close', topic: 3 }))
  expect(await next(channel, 'close')).toEqual({ type: 'close', topic })

  async function opened(): Promise<Reader[]> {
    await channel.send(encodeMessage({ type: 'open', topic: 3, content }))
    await next(channel, 'choke')
    return device.exchange.readers(content)
  }

  /** Answered in turn, so what was said before has been heard. */
  async function heard(): Promise<void> {
    await channel.send(
      encodeMessage({ type: 'open', topic: 1, content: contentIdOf(new Uint8Array(32)) }),
    )
    await next(channel, 'refused')
  }
})

test('what is called off while it is read from the disk is not given', async () => {
  const device = await swarm.join()
  const content = await device.make(3)
  const channel = await stranger(device)
  const holding = device.holding!
  const read = holding.read.bind(holding)
  const [began, goOn] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  holding.read = async (part) => {
    if (part.kind === 'leaf' && part.index === 0) {
      began.resolve(undefined)
      await goOn.promise
    }
    return read(part)
  }
  await channel.send(encodeMessage({ type: 'open', topic: 0, content }))
  await next(channel, 'choke')
  await channel.send(encodeMessage({ type: 'ask', topic: 0, parts: [['leaf', 0]] }))
  await began.promise
  await channel.send(encodeMessage({ type: 'drop', topic: 0, parts: [['leaf', 0]] }))
  // Answered out of turn, so what was said before has been heard.
  await channel.send(
    encodeMessage({ type: 'open', topic: 1, content: contentIdOf(new Uint8Array(32)) }),
  )
  await next(channel, 'refused')
  goOn.resolve(undefined)
  await channel.send(encodeMessage({ type: 'ask', topic: 0, parts: [['leaf', 1]] }))
  expect(await next(channel, 'part')).toMatchObject({ kind: 'leaf', index: 1 })
})

test('who has us answer and takes no answer is cut off', async () => {
  const device = await swarm.join()
  const content = await device.make(3)
  const end = new AbortController()
  const parts = Array.from({ length: MAX_ASKED }, (): ['leaf', number] => ['leaf', 1e6])
  const ask = encodeMessage({ type: 'ask', topic: 0, parts })
  let asked = 0
  const channel: Channel = {
    ...{ peer: peerIdOf(new Uint8Array(32)), path: 'direct', connections: 1, closed: end.signal },
    async *frames() {
      yield await Promise.resolve(encodeMessage({ type: 'open', topic: 0, content }))
      while (!end.signal.aborted) {
        asked += 1
        yield ask
      }
    },
    send: () => new Promise(() => undefined),
    spread: () => new Promise(() => undefined),
    widen: () => undefined,
    close: () => {
      end.abort()
    },
  }
  const clock = new ManualClock()
  const nothing = (): void => undefined
  const conversation = new Conversation(
    { channel, clock, rates: { up: new Rate(clock), down: new Rate(clock) } },
    {
      // Nobody unchokes them: all that they ask for is rejected.
      admit: () => ({ holding: device.holding! }),
      suggest: () => [],
      ...{ readerCame: nothing, readerTurned: nothing, readerWent: nothing },
      ...{ choked: nothing, gave: nothing, answered: nothing },
    },
  )
  await conversation.run()
  // A word that rejects is as long as the one that asks.
  expect(asked).toBeLessThanOrEqual(MAX_UNSENT_BYTES / ask.byteLength + 1)
})
