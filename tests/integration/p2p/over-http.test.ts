import { expect, test } from 'vitest'
import { Middlebox } from '../../support/middlebox.ts'
import { Inbox, MemoryNetworks, onState } from './person.ts'
import { aRelay, hear, PROTOCOL, say, somebody } from './scene.ts'

test('where no WebSocket gets through, a relay is reached over plain HTTP, and people through it', async () => {
  const relay = await aRelay()
  await using proxy = await Middlebox.before(
    { port: Number(new URL(relay.origin).port) },
    { cutsOneOf: 10 },
  )
  const ada = await somebody({ origin: proxy.origin })
  const bob = await somebody({ origin: relay.origin })
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const toRelay = (): string[] =>
    ada.node.network.links().flatMap((link) => (link.relay === null ? [] : [link.transport]))
  expect(toRelay()).toEqual(['http-binary'])
  const { network } = ada.node
  const ways = (): object[] => network.relays().flatMap(({ address }) => network.ways(address))
  expect(ways()).toMatchObject([
    { way: 'http', mode: 'binary', state: 'used' },
    { way: 'websocket', state: 'blocked' },
  ])

  ada.node.peers.want(bob.peer, [`localhost:${proxy.port}`])
  await say(await adas.living(), 'hello')
  expect(await hear(await bobs.living())).toBe('hello')
  await say(await bobs.living(), 'hello back')
  expect(await hear(await adas.living())).toBe('hello back')
})

test('what a network does not let through is not begun with at the next start there', async () => {
  const relay = await aRelay()
  await using proxy = await Middlebox.before(
    { port: Number(new URL(relay.origin).port) },
    { buffers: true },
  )
  const networks = new MemoryNetworks()
  const ada = await somebody({ origin: proxy.origin, networks })
  await onState(ada.node, 'online')
  await expect
    .poll(() => [...networks.rows.values()])
    .toMatchObject([
      {
        ways: [
          { way: 'websocket', through: 0 },
          { way: 'http', through: 1, mode: 'longpoll' },
        ],
      },
    ])
  await ada.node.stop()
  const { refused, asked } = proxy
  const before = asked.length
  const again = await somebody({ origin: proxy.origin, networks })
  await onState(again.node, 'online')
  expect(proxy.refused).toBe(refused)
  expect(proxy.modes(before)).toEqual(['longpoll'])
})

test('where bytes without an end are refused, people are reached by events', async () => {
  const relay = await aRelay()
  await using proxy = await Middlebox.before(
    { port: Number(new URL(relay.origin).port) },
    { refusesEndlessBytes: true },
  )
  const ada = await somebody({ origin: proxy.origin })
  const bob = await somebody({ origin: proxy.origin })
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  expect(proxy.modes()).toEqual(['binary', 'sse'])
  const { network } = ada.node
  const toRelay = network.links().filter((link) => link.relay !== null)
  expect(toRelay.map(({ transport }) => transport)).toEqual(['http-sse'])

  ada.node.peers.want(bob.peer, [`localhost:${proxy.port}`])
  await say(await adas.living(), 'hello')
  expect(await hear(await bobs.living())).toBe('hello')
  // Who dialled and who was dialled call it the same.
  expect([ada.node.peers.path(bob.peer), bob.node.peers.path(ada.peer)]).toEqual([
    'relayed',
    'relayed',
  ])
  expect(proxy.modes()).toEqual(['binary', 'sse'])
})

test('a relay whose WebSocket works is reached by it', async () => {
  const relay = await aRelay()
  const ada = await somebody({ origin: relay.origin })
  const { network } = ada.node
  const ways = (): object[] => network.relays().flatMap(({ address }) => network.ways(address))
  await onState(ada.node, 'online')
  expect(ways()).toMatchObject([
    { way: 'websocket', state: 'used' },
    { way: 'http', state: 'untried' },
  ])
  expect(network.links().map(({ transport }) => transport)).toEqual(['websocket'])
})

test('a check of all ways leaves the connections there are, and the place at the relay, alone', async () => {
  const relay = await aRelay()
  const ada = await somebody({ origin: relay.origin })
  const { network } = ada.node
  await onState(ada.node, 'online')
  const before = network.links().map(({ id }) => id)
  const places = new Set<string>()
  network.addEventListener('changed', () => {
    places.add(
      network
        .relays()
        .map(({ state }) => state)
        .join(),
    )
  })
  const states: string[] = []
  for await (const ways of network.tryWays(new AbortController().signal)) {
    states.splice(0, states.length, ...ways.map(({ way, state }) => `${way} ${state}`))
  }
  expect(states).toEqual([
    ...['websocket works', 'http-binary works', 'http-sse works', 'http-longpoll works'],
    'http-ws works',
  ])
  // Those that were only tried end.
  await expect.poll(() => network.links().map(({ id }) => id)).toEqual(before)
  expect([...places]).toEqual(['reserved'])
})
