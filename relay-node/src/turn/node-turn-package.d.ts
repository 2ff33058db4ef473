/** What of node-turn 0.0.6 is used; it has no types of its own. */
declare module 'node-turn' {
  export default class Turn {
    constructor(settings: {
      authMech: 'long-term'
      realm: string
      credentials: Record<string, string>
      listeningPort: number
      minPort: number
      maxPort: number
      listeningIps?: string[]
      relayIps?: string[]
      externalIps?: string
    })
    start(): void
  }
}
