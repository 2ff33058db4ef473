import { expect, test } from 'vitest'
import { LEAVE_MS } from '../../../src/lib/p2p/relay-book/relay-dialer.ts'
import { OUT_OF_SIGHT_MS, STEADY_MS } from '../../../src/lib/p2p/relay-book/spare.ts'
import { Pages } from '../../../src/lib/p2p/pages.ts'
import { PROVEN_MS } from '../../../src/lib/p2p/ways/way-finder.ts'
import { Middlebox } from '../../support/middlebox.ts'
import { HeldClock } from './held-clock.ts'
import { Inbox, MemoryNetworks, onState, type Person, until } from './person.ts'
import { aRelay, hear, PROTOCOL, say, somebody } from './scene.ts'

const toRelay = ({ node: { network } }: Person) =>
  network.links().filter((link) => link.relay !== null)

const waysOf = ({ node: { network } }: Person): string[] =>
  network
    .relays()
    .flatMap(({ address }) => network.ways(address))
    .map(({ way, state }) => `${way} ${state}`)

test('when the way in use is cut, the place is held by the one in reserve at once, and people talk on', async () => {
  const relay = await aRelay()
  await using box = await Middlebox.before(
    { port: Number(new URL(relay.origin).port) },
    { webSockets: true },
  )
  const clock = new HeldClock(STEADY_MS)
  const ada = await somebody({ origin: box.origin, clock })
  const bob = await somebody({ origin: relay.origin })
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const { network } = ada.node
  ada.node.peers.want(bob.peer, [`localhost:${box.port}`])
  const [adas1, bobs1] = [await adas.living(), await bobs.living()]
  await say(adas1, 'hello')
  expect(await hear(bobs1)).toBe('hello')
  await until(network, 'changed', () => network.relays().every(({ said }) => said !== null))
  expect(waysOf(ada)).toEqual(['websocket used', 'http untried'])
  expect(box.modes()).toEqual([])

  await clock.pass(STEADY_MS)
  await until(network, 'changed', () => toRelay(ada).length === 2)
  const [first, spare] = toRelay(ada)
  expect(waysOf(ada)).toEqual(['websocket used', 'http spare'])
  // It stands aside: people are reached by the first.
  expect(network.addresses()[0]).toContain('/ws/')
  const seen = { states: new Set<string>(), connections: new Set<string>() }
  network.addEventListener('changed', () => {
    for (const { state } of network.relays()) seen.states.add(state)
    for (const { id } of toRelay(ada)) seen.connections.add(id)
  })

  box.become({ webSockets: false })
  await until(network, 'changed', () => toRelay(ada).length === 1)
  expect(toRelay(ada).map(({ id }) => id)).toEqual([spare?.id])
  const adas2 = await adas.living((channel) => channel !== adas1)
  const bobs2 = await bobs.living((channel) => channel !== bobs1)
  await say(adas2, 'still here')
  expect(await hear(bobs2)).toBe('still here')
  await say(bobs2, 'so am I')
  expect(await hear(adas2)).toBe('so am I')
  // No relay was dialled.
  expect(box.refused).toBe(0)
  expect([...seen.states]).toEqual(['reserved'])
  expect([...seen.connections].filter((id) => id !== first?.id)).toEqual([spare?.id])
})

test('a better way that a network lets through again is used, and people talk on without a break', async () => {
  const relay = await aRelay()
  await using box = await Middlebox.before({ port: Number(new URL(relay.origin).port) })
  const clock = new HeldClock(STEADY_MS, PROVEN_MS, LEAVE_MS)
  const networks = new MemoryNetworks()
  const ada = await somebody({ origin: box.origin, clock, networks })
  const bob = await somebody({ origin: relay.origin })
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const { network } = ada.node
  ada.node.peers.want(bob.peer, [`localhost:${box.port}`])
  const [adas1, bobs1] = [await adas.living(), await bobs.living()]
  await say(adas1, 'hello')
  expect(await hear(bobs1)).toBe('hello')
  expect(waysOf(ada)).toEqual(['http used', 'websocket blocked'])
  const seen = { states: new Set<string>(), paths: new Set<string>(), links: Infinity }
  network.addEventListener('changed', () => {
    for (const { state } of network.relays()) seen.states.add(state)
    seen.links = Math.min(seen.links, toRelay(ada).length)
  })
  for (const { peers } of [ada.node, bob.node]) {
    peers.addEventListener('path', ({ detail: { path } }) => seen.paths.add(path))
  }

  box.change({ webSockets: true })
  await clock.pass(STEADY_MS)
  await until(network, 'changed', () => toRelay(ada).length === 2)
  expect(waysOf(ada)).toEqual(['http used', 'websocket spare'])
  await clock.pass(PROVEN_MS)
  const adas2 = await adas.living((channel) => channel !== adas1)
  const bobs2 = await bobs.living((channel) => channel !== bobs1)
  await say(adas2, 'by a better way')
  expect(await hear(bobs2)).toBe('by a better way')
  await say(bobs2, 'so I see')
  expect(await hear(adas2)).toBe('so I see')
  expect(waysOf(ada)).toEqual(['websocket used', 'http spare'])

  await clock.pass(LEAVE_MS)
  await until(network, 'changed', () => waysOf(ada)[1] === 'http open')
  expect(toRelay(ada).map(({ transport }) => transport)).toEqual(['websocket'])
  await say(adas2, 'the other way is gone')
  expect(await hear(bobs2)).toBe('the other way is gone')
  // Somebody who comes now comes over the one that is left.
  const cleo = await somebody({ origin: relay.origin })
  const cleos = await Inbox.open(cleo.node, `${PROTOCOL}/cleo`, ada.peer)
  const fromCleo = await Inbox.open(ada.node, `${PROTOCOL}/cleo`, cleo.peer)
  cleo.node.peers.want(ada.peer, [relay.host])
  await say(await cleos.living(), 'me too')
  expect(await hear(await fromCleo.living())).toBe('me too')
  expect([...seen.states]).toEqual(['reserved'])
  expect(seen.paths).not.toContain('offline')
  expect(seen.links).toBe(1)

  const asked = box.asked.length
  await ada.node.stop()
  const again = await somebody({ origin: box.origin, networks })
  await onState(again.node, 'online')
  expect(waysOf(again)[0]).toBe('websocket used')
  expect(box.modes(asked)).toEqual([])
})

test('while no page is in sight no second way is kept', async () => {
  const relay = await aRelay()
  const clock = new HeldClock(STEADY_MS, PROVEN_MS, OUT_OF_SIGHT_MS)
  const pages = new Pages()
  const page = {}
  pages.see(page, true)
  const ada = await somebody({ origin: relay.origin, clock, pages })
  const { network } = ada.node
  await onState(ada.node, 'online')
  await until(network, 'changed', () => network.relays().every(({ said }) => said !== null))
  await clock.pass(STEADY_MS)
  await until(network, 'changed', () => toRelay(ada).length === 2)
  await clock.waits(PROVEN_MS)
  pages.see(page, false)
  await clock.pass(OUT_OF_SIGHT_MS)
  await until(network, 'changed', () => toRelay(ada).length === 1)
  expect(waysOf(ada)).toEqual(['websocket used', 'http open'])

  pages.see(page, true)
  await network.wake('visible')
  await clock.pass(STEADY_MS)
  await until(network, 'changed', () => toRelay(ada).length === 2)
})
