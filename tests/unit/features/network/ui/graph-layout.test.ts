import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  FIELD_HEIGHT,
  layoutGraph,
  MAX_SHOWN,
} from '../../../../../src/lib/features/network/ui/graph-layout.ts'
import { connection } from './connection.ts'

const WIDTH = 640

test('whoever is connected twice stands there once, by the better path', () => {
  const graph = layoutGraph(
    [connection('a', { path: 'relayed' }), connection('a', { path: 'direct' })],
    'nobody',
    WIDTH,
  )
  expect(graph.nodes).toHaveLength(1)
  expect(graph.links).toMatchObject([{ path: 'direct' }])
})

test('traffic moves nothing', () => {
  const before = layoutGraph([connection('a'), connection('b')], 'nobody', WIDTH)
  const after = layoutGraph(
    [connection('b', { bytesIn: 9, latencyMs: 4 }), connection('a')],
    'nobody',
    WIDTH,
  )
  expect(after).toEqual(before)
})

test('a relayed link goes on from its relay', () => {
  const relay = connection('r', { kind: 'relay' })
  const { nodes, links } = layoutGraph(
    [relay, connection('a', { path: 'relayed', address: '/dns4/x/p2p/r/p2p-circuit/p2p/a' })],
    'nobody',
    WIDTH,
  )
  const { x, y } = nodes.find(({ id }) => id === 'r')!
  expect(links.find(({ id }) => id === 'a')?.d.startsWith(`M${x} ${y}Q`)).toBe(true)
})

test('everyone stands inside of the field and has room, and not too many', () => {
  const some = fc.array(
    fc.record({ peer: fc.string({ minLength: 1 }), kind: fc.constantFrom('relay', 'contact') }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(some, fc.integer({ min: 240, max: 1240 }), (list, width) => {
      const { nodes } = layoutGraph(
        list.map(({ peer, kind }) => connection(peer, { kind })),
        'nobody',
        width,
      )
      expect(nodes.length).toBeLessThanOrEqual(MAX_SHOWN)
      for (const { x, y, kind } of nodes) {
        expect(x).toBeGreaterThan(0)
        expect(x).toBeLessThan(width)
        expect(y).toBeGreaterThan(0)
        expect(y).toBeLessThan(FIELD_HEIGHT)
        const beside = nodes.filter((other) => other.kind === kind && other.x > x)
        for (const other of beside) expect(other.x - x).toBeGreaterThan(40)
      }
    }),
  )
})
