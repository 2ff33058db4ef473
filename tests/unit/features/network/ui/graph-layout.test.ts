import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConnectionInfo } from '../../../../../src/lib/features/network/api.ts'
import {
  FIELD,
  layoutGraph,
  MAX_SHOWN,
} from '../../../../../src/lib/features/network/ui/graph-layout.ts'
import type { PeerIdString } from '../../../../../src/lib/protocol/ids.ts'

function connection(peer: string, more: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    id: peer,
    peer: peer as PeerIdString,
    name: null,
    kind: 'contact',
    path: 'direct',
    transport: 'webrtc',
    address: '',
    direction: 'outbound',
    openedAtMs: 0,
    latencyMs: null,
    bytesIn: 0,
    bytesOut: 0,
    ...more,
  }
}

test('whoever is connected twice stands there once, by the better path', () => {
  const graph = layoutGraph(
    [connection('a', { path: 'relayed' }), connection('a', { path: 'direct' })],
    'nobody',
  )
  expect(graph.nodes).toHaveLength(1)
  expect(graph.links).toMatchObject([{ path: 'direct' }])
})

test('traffic moves nothing', () => {
  const before = layoutGraph([connection('a'), connection('b')], 'nobody')
  const after = layoutGraph(
    [connection('b', { bytesIn: 9, latencyMs: 4 }), connection('a')],
    'nobody',
  )
  expect(after).toEqual(before)
})

test('a relayed link goes on from its relay', () => {
  const relay = connection('r', { kind: 'relay' })
  const { nodes, links } = layoutGraph(
    [relay, connection('a', { path: 'relayed', address: '/dns4/x/p2p/r/p2p-circuit/p2p/a' })],
    'nobody',
  )
  const { x, y } = nodes.find(({ id }) => id === 'r')!
  expect(links.find(({ id }) => id === 'a')?.d.startsWith(`M${x} ${y}Q`)).toBe(true)
})

test('everyone stands inside of the field, and not too many', () => {
  const some = fc.array(
    fc.record({ peer: fc.string({ minLength: 1 }), kind: fc.constantFrom('relay', 'contact') }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(some, (list) => {
      const { nodes } = layoutGraph(
        list.map(({ peer, kind }) => connection(peer, { kind })),
        'nobody',
      )
      expect(nodes.length).toBeLessThanOrEqual(MAX_SHOWN)
      for (const { x, y } of nodes) {
        expect(x).toBeGreaterThan(0)
        expect(x).toBeLessThan(FIELD.width)
        expect(y).toBeGreaterThan(0)
        expect(y).toBeLessThan(FIELD.height)
      }
    }),
  )
})
