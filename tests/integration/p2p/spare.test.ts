import { expect, test } from 'vitest'
import { STEADY_MS } from '../../../src/lib/p2p/relay-book/spare.ts'
import { type Clock, systemClock } from '../../../src/lib/protocol/seams.ts'
import { Middlebox } from '../../support/middlebox.ts'
import { Inbox, MemoryNetworks, onState, until } from './person.ts'
import { aRelay, hear, PROTOCOL, say, somebody } from './scene.ts'

/** The platform's clock, but what waits until all is steady waits for the test. */
class HeldClock implements Clock {
  readonly #held = new Set<() => void>()

  now(): number {
    return systemClock.now()
  }

  after(delayMs: number, call: () => void): () => void {
    if (delayMs !== STEADY_MS) return systemClock.after(delayMs, call)
    this.#held.add(call)
    return () => this.#held.delete(call)
  }

  steady(): void {
    for (const call of this.#held) {
      this.#held.delete(call)
      call()
    }
  }
}

test('when the way in use is cut, the place is held by the one in reserve at once, and people talk on', async () => {
  const relay = await aRelay()
  await using box = await Middlebox.before(
    { port: Number(new URL(relay.origin).port) },
    { webSockets: true },
  )
  const clock = new HeldClock()
  const networks = new MemoryNetworks()
  const ada = await somebody({ origin: box.origin, clock, networks })
  const bob = await somebody({ origin: relay.origin })
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const { network } = ada.node
  const toRelay = () => network.links().filter((link) => link.relay !== null)
  const ways = (): string[] =>
    network
      .relays()
      .flatMap(({ address }) => network.ways(address))
      .map(({ way, state }) => `${way} ${state}`)
  ada.node.peers.want(bob.peer, [`localhost:${box.port}`])
  const [adas1, bobs1] = [await adas.living(), await bobs.living()]
  await say(adas1, 'hello')
  expect(await hear(bobs1)).toBe('hello')
  await until(network, 'changed', () => network.relays().every(({ said }) => said !== null))
  expect(ways()).toEqual(['websocket used', 'http untried'])
  expect(box.modes()).toEqual([])

  clock.steady()
  await until(network, 'changed', () => toRelay().length === 2)
  const [first, spare] = toRelay()
  expect(ways()).toEqual(['websocket used', 'http spare'])
  // It stands aside: people are reached by the first.
  expect(network.addresses()[0]).toContain('/ws/')
  const seen = { states: new Set<string>(), connections: new Set<string>() }
  network.addEventListener('changed', () => {
    for (const { state } of network.relays()) seen.states.add(state)
    for (const { id } of toRelay()) seen.connections.add(id)
  })

  box.become({ webSockets: false })
  await until(network, 'changed', () => toRelay().length === 1 && network.state !== 'online')
  await onState(ada.node, 'online')
  expect(toRelay().map(({ id }) => id)).toEqual([spare?.id])
  const adas2 = await adas.living((channel) => channel !== adas1)
  const bobs2 = await bobs.living((channel) => channel !== bobs1)
  await say(adas2, 'still here')
  expect(await hear(bobs2)).toBe('still here')
  await say(bobs2, 'so am I')
  expect(await hear(adas2)).toBe('so am I')
  // No relay was dialled.
  expect(box.refused).toBe(0)
  expect(seen.states).not.toContain('unreachable')
  expect([...seen.connections].filter((id) => id !== first?.id)).toEqual([spare?.id])
})
