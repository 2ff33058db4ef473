import { expect, test } from 'vitest'
import { Inbox, onPath, onState } from './person.ts'
import { aRelay, hear, PROTOCOL, say, somebody } from './scene.ts'

test('who has no place at a full relay is reached there all the same, and talks', async () => {
  const relay = await aRelay('--max-reservations', '1')
  const ada = await somebody({ origin: relay.origin })
  await onState(ada.node, 'online')
  // Connected, and refused a place.
  const bob = await somebody({ origin: relay.origin })
  await expect
    .poll(() => bob.node.network.relays().map(({ state }) => state))
    .toEqual(['unreachable'])
  expect(bob.node.network.links()).toHaveLength(1)
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  ada.node.peers.want(bob.peer, [relay.host])
  await onPath(ada.node, bob.peer, 'relayed')
  await say(await adas.living(), 'hello')
  expect(await hear(await bobs.living())).toBe('hello')
  await say(await bobs.living(), 'hello back')
  expect(await hear(await adas.living())).toBe('hello back')
  const met = ada.node.network.links().filter(({ peer }) => peer === bob.peer)
  expect(met).toMatchObject([{ path: 'relayed', transport: 'rendezvous' }])
})

test('who is denied is not met', async () => {
  const relay = await aRelay('--max-reservations', '1')
  const ada = await somebody({ origin: relay.origin })
  await onState(ada.node, 'online')
  const bob = await somebody({ origin: relay.origin })
  await expect.poll(() => bob.node.network.links()).toHaveLength(1)
  bob.node.peers.deny(ada.peer)
  const paths: string[] = []
  bob.node.peers.addEventListener('path', ({ detail }) => paths.push(detail.path))
  const lines = (): string[] => ada.log.lines('debug').map(({ text }) => text)
  ada.node.peers.want(bob.peer, [relay.host])
  // Bob is asked for, hears who it is, and ends it.
  await expect
    .poll(lines, { timeout: 20_000 })
    .toContainEqual(`relayed connection with ${bob.peer} closed`)
  expect(paths).toEqual([])
})
