import type { ConnectionInfo } from '../api.ts'

/** Width and height of the field, in its own units. */
export const FIELD = { width: 640, height: 280 } as const

/** More than this would be a cloud; the list below has them all. */
export const MAX_SHOWN = 14

export interface GraphNode extends Point {
  id: string
  label: string
  kind: ConnectionInfo['kind']
}

export interface GraphLink {
  id: string
  path: ConnectionInfo['path']
  /** SVG path data from me to them; a relayed one goes on from its relay. */
  d: string
}

export interface Graph {
  /** Less than the field's when there is nobody below me. */
  height: number
  me: Point
  nodes: GraphNode[]
  links: GraphLink[]
}

/**
 * Where everyone stands: I in the middle, relays above, people below. Places depend on ids alone, so a change of
 * latency or bytes moves nothing, and one connection more moves only its own row.
 */
export function layoutGraph(connections: readonly ConnectionInfo[], nameless: string): Graph {
  const me = { x: FIELD.width / 2, y: FIELD.height / 2 }
  const known = new Map<string, ConnectionInfo>()
  for (const connection of connections) {
    const before = known.get(connection.peer)
    if (before === undefined || before.path === 'relayed') known.set(connection.peer, connection)
  }
  const shown = [...known.values()].sort((a, b) => a.peer.localeCompare(b.peer)).slice(0, MAX_SHOWN)
  const relays = placeRow(
    shown.filter(({ kind }) => kind === 'relay'),
    -1,
  )
  const others = placeRow(
    shown.filter(({ kind }) => kind !== 'relay'),
    1,
  )
  const nodes = [...relays, ...others].map(({ connection, x, y }) => ({
    id: connection.peer,
    label: connection.name ?? nameless,
    kind: connection.kind,
    x,
    y,
  }))
  const links = [...relays, ...others].map(({ connection, x, y }) => {
    const { path } = connection
    const relay =
      path === 'relayed'
        ? relays.find((one) => connection.address.includes(one.connection.peer))
        : undefined
    const d = relay === undefined ? `M${me.x} ${me.y}L${x} ${y}` : aroundMe(me, relay, { x, y })
    return { id: connection.peer, path, d }
  })
  const height = others.length > 0 ? FIELD.height : me.y + 30
  return { height, me, nodes, links }
}

/** A curve from a relay to a peer that keeps clear of the middle, where I stand. */
function aroundMe(me: Point, from: Point, to: Point): string {
  const side = from.x + to.x < 2 * me.x ? -1 : 1
  const x = (from.x + to.x) / 2 + side * 70
  return `M${from.x} ${from.y}Q${x} ${(from.y + to.y) / 2} ${to.x} ${to.y}`
}

export interface Point {
  x: number
  y: number
}

interface Placed extends Point {
  connection: ConnectionInfo
}

/** A row on an arc around the middle, above (-1) or below (1) it. */
function placeRow(row: readonly ConnectionInfo[], side: -1 | 1): Placed[] {
  return row.map((connection, index) => {
    const share = (index + 1) / (row.length + 1)
    const x = FIELD.width * (0.04 + 0.92 * share)
    const bend = 4 * share * (1 - share)
    return { connection, x, y: FIELD.height / 2 + side * (46 + 46 * bend) }
  })
}
