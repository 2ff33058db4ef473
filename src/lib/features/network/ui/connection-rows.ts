import type { ConnectionInfo } from '../api.ts'

export interface ConnectionRow {
  /** The same for the connection that takes this one's place. */
  key: string
  connection: ConnectionInfo
  /** Kept in case a better one to the same peer is lost. */
  spare: boolean
}

/** Connections to one peer stand together, the one in use first. */
export function connectionRows(connections: readonly ConnectionInfo[]): ConnectionRow[] {
  const peers = Map.groupBy(connections, ({ peer }) => peer)
  return [...peers.values()].flatMap((same) =>
    same
      .toSorted((a, b) => Number(a.path === 'relayed') - Number(b.path === 'relayed'))
      .map((connection, index) => ({
        key: `${connection.peer} ${index}`,
        connection,
        spare: index > 0,
      })),
  )
}
