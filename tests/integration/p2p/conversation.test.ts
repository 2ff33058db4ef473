import { afterEach, expect, test } from 'vitest'
import type { Channel } from '../../../src/lib/p2p/api.ts'
import type { PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { onPath, type Person, person, reserved } from './person.ts'
import { stockRelay } from './stock-relay.ts'

const PROTOCOL = '/starling/test/1.0.0'
const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function relay() {
  const { libp2p, host } = await stockRelay()
  cleanups.push(() => libp2p.stop())
  return { libp2p, host }
}

async function started(init: Parameters<typeof person>[0]): Promise<Person> {
  const someone = await person(init)
  cleanups.push(() => someone.node.stop())
  await someone.node.start()
  return someone
}

/** Every channel somebody is handed with this peer, as they come. */
async function channelsOf(someone: Person, other: PeerIdString): Promise<Channel[]> {
  const channels: Channel[] = []
  await someone.node.channels.handle({
    protocol: PROTOCOL,
    maxFrameBytes: 64 * 1024,
    accept: (peer) => peer === other,
    onChannel: (channel) => channels.push(channel),
  })
  return channels
}

async function firstFrame(channel: Channel): Promise<string> {
  for await (const frame of channel.frames()) return new TextDecoder().decode(frame)
  throw new Error('the channel ended')
}

test('reserves at the relay that serves the page', async () => {
  const { host } = await relay()
  const ada = await started({ origin: `http://${host}` })
  await reserved(ada.node)
  expect(ada.node.peers.myRelays()).toEqual([host])
})

test('starts while its relay is down', async () => {
  const ada = await started({ origin: 'http://127.0.0.1:9' })
  expect(ada.node.network.state).not.toBe('online')
})

test('two people on one relay exchange frames', async () => {
  const { host } = await relay()
  const ada = await started({ origin: `http://${host}` })
  const bob = await started({ origin: `http://${host}` })
  await Promise.all([reserved(ada.node), reserved(bob.node)])
  const adas = await channelsOf(ada, bob.peer)
  const bobs = await channelsOf(bob, ada.peer)
  ada.node.peers.want(bob.peer, [host])
  bob.node.peers.want(ada.peer, [host])
  await Promise.all([
    onPath(ada.node.peers, bob.peer, 'relayed'),
    onPath(bob.node.peers, ada.peer, 'relayed'),
  ])
  await expect.poll(() => [adas.length > 0, bobs.length > 0]).toEqual([true, true])
  await adas.at(-1)!.send(new TextEncoder().encode('hello'))
  expect(await firstFrame(bobs.at(-1)!)).toBe('hello')
})

test('a relayed connection becomes direct, and the channel moves over', async () => {
  const { host } = await relay()
  const ada = await started({ origin: `http://${host}`, webrtc: true })
  const bob = await started({ origin: `http://${host}`, webrtc: true })
  await Promise.all([reserved(ada.node), reserved(bob.node)])
  const adas = await channelsOf(ada, bob.peer)
  const bobs = await channelsOf(bob, ada.peer)
  ada.node.peers.want(bob.peer, [host])
  bob.node.peers.want(ada.peer, [host])
  await onPath(ada.node.peers, bob.peer, 'direct')
  await expect.poll(() => [adas.at(-1)?.path, bobs.at(-1)?.path]).toEqual(['direct', 'direct'])
  await bobs.at(-1)!.send(new TextEncoder().encode('directly'))
  expect(await firstFrame(adas.at(-1)!)).toBe('directly')
  expect(ada.node.network.links().map(({ path }) => path)).toContain('relayed')
}, 20_000)
