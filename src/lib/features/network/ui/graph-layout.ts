import type { ConnectionInfo } from '../api.ts'

/** Height of the field in px, however many there are: nothing below it moves when somebody comes. */
export const FIELD_HEIGHT = 280

/** More than this would be a cloud; the list below has them all. */
export const MAX_SHOWN = 14

/** Room for one of a row, in px: fewer are shown where it is narrow. */
const MIN_ROOM = 48

/** Of a letter in a label, in px, on average. */
const LETTER_WIDTH = 7

export interface GraphNode extends Point {
  id: string
  /** As much of the name as there is room for. */
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
  me: Point
  nodes: GraphNode[]
  links: GraphLink[]
}

/**
 * Where everyone stands: I in the middle, relays above, people below. Places depend on ids alone, so a change of
 * latency or bytes moves nothing, and one connection more moves only its own row.
 */
export function layoutGraph(
  connections: readonly ConnectionInfo[],
  nameless: string,
  width: number,
): Graph {
  const me = { x: width / 2, y: FIELD_HEIGHT / 2 }
  const known = new Map<string, ConnectionInfo>()
  for (const connection of connections) {
    const before = known.get(connection.peer)
    if (before === undefined || before.path === 'relayed') known.set(connection.peer, connection)
  }
  const shown = [...known.values()].sort((a, b) => a.peer.localeCompare(b.peer)).slice(0, MAX_SHOWN)
  const relays = placeRow(
    shown.filter(({ kind }) => kind === 'relay'),
    width,
    -1,
  )
  const others = placeRow(
    shown.filter(({ kind }) => kind !== 'relay'),
    width,
    1,
  )
  const nodes = [...relays, ...others].map(({ connection, room, x, y }) => ({
    id: connection.peer,
    label: shorten(connection.name ?? nameless, Math.floor(room / LETTER_WIDTH)),
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
  return { me, nodes, links }
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
  /** To the next one, in px. */
  room: number
}

/** A row on an arc around the middle, above (-1) or below (1) it. */
function placeRow(all: readonly ConnectionInfo[], width: number, side: -1 | 1): Placed[] {
  const row = all.slice(0, Math.max(1, Math.floor(width / MIN_ROOM) - 1))
  const room = (0.92 * width) / (row.length + 1)
  return row.map((connection, index) => {
    const share = (index + 1) / (row.length + 1)
    const x = width * (0.04 + 0.92 * share)
    const bend = 4 * share * (1 - share)
    return { connection, room, x, y: FIELD_HEIGHT / 2 + side * (46 + 46 * bend) }
  })
}

function shorten(label: string, letters: number): string {
  return label.length <= letters ? label : `${label.slice(0, letters - 1).replace(/[\s.]+$/u, '')}…`
}
