import { expect, test } from 'vitest'
import { onPath, onState, until } from './person.ts'
import { after, aRelay, somebody } from './scene.ts'
import { stockOrigin, stockRelay } from './stock-relay.ts'

test('two people on different relays who know only an id find each other', async () => {
  const first = await aRelay()
  const second = await aRelay('--relay', `ws://${first.host}`)
  const ada = await somebody({ origin: first.origin })
  const bob = await somebody({ origin: second.origin })
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  ada.node.peers.want(bob.peer)
  await Promise.all([onPath(ada.node, bob.peer, 'relayed'), onPath(bob.node, ada.peer, 'relayed')])
})

test('the relay of a card is kept in the book once it has led to its peer', async () => {
  const [mine, theirs] = await Promise.all([aRelay(), aRelay()])
  const ada = await somebody({ origin: mine.origin })
  const bob = await somebody({ origin: theirs.origin })
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const { network, peers } = ada.node
  const kept = (): boolean =>
    network.relays().some(({ address, source }) => address === theirs.host && source === 'learned')
  peers.want(bob.peer, ['localhost:9', theirs.host])
  await until(network, 'changed', kept)
  expect(network.relays().map(({ address }) => address)).not.toContain('localhost:9')
})

test('finds a peer in the DHT itself when its relay has no directory', async () => {
  const relay = await aRelay()
  const stock = await stockRelay(relay.host)
  after(() => stock.stop())
  const ada = await somebody({ origin: stockOrigin(stock) })
  const bob = await somebody({ origin: relay.origin })
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const published = 'my record is at 1 of 1 relays'
  await until(bob.log, 'line', () => bob.log.lines('debug').some(({ text }) => text === published))
  ada.node.peers.want(bob.peer)
  await onPath(ada.node, bob.peer, 'relayed')
})

test('learns other relays from its own, and reserves there too', async () => {
  const first = await aRelay()
  const second = await aRelay('--relay', `ws://${first.host}`)
  const ada = await somebody({ origin: second.origin })
  const { network } = ada.node
  const learned = (): boolean =>
    network.relays().some(({ source, state }) => source === 'learned' && state === 'reserved')
  await until(network, 'changed', learned)
  expect(ada.node.peers.myRelays()).toHaveLength(2)
})

test('a relay added by hand is tested and used', async () => {
  const relay = await aRelay()
  const ada = await somebody({ origin: null })
  const { network } = ada.node
  expect(await network.checkRelay(relay.host)).toMatchObject({ ok: true, error: null })
  expect(await network.checkRelay('127.0.0.1:9')).toMatchObject({ ok: false, error: 'unreachable' })
  await network.addRelay(relay.host)
  await onState(ada.node, 'online')
  await expect(network.addRelay(relay.host)).rejects.toThrow(
    expect.objectContaining({ name: 'AlreadyKnownError' }),
  )
  await network.removeRelay(relay.host)
  await onState(ada.node, 'offline')
  expect(network.relays()).toEqual([])
})
