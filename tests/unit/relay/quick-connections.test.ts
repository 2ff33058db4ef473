import type { Connection, PeerId } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { quickConnections } from '#relay/quick-connections.ts'

/** What libp2p's connection manager has of these peers, and how often one is asked for alone. */
function managing(connections: ReadonlyMap<PeerId, Connection[]>) {
  const manager = {
    asked: [] as (PeerId | undefined)[],
    getConnections(peer?: PeerId): Connection[] {
      manager.asked.push(peer)
      return connections.get(peer!) ?? []
    },
    getConnectionsMap: () => connections as never,
  }
  return manager
}

test('all connections are listed without asking libp2p to join them', () => {
  const [one, two] = [{} as PeerId, {} as PeerId]
  const [first, second, third] = ['1', '2', '3'].map((id) => ({ id }) as Connection)
  const manager = managing(
    new Map([
      [one, [first!, second!]],
      [two, [third!]],
    ]),
  )
  quickConnections({ connectionManager: manager })
  expect(manager.getConnections()).toEqual([first, second, third])
  expect(manager.asked).toEqual([])
  expect(manager.getConnections(two)).toEqual([third])
  expect(manager.asked).toEqual([two])
})
