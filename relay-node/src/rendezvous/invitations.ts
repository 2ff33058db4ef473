import { lpStream } from '@libp2p/utils'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { RENDEZVOUS_PROTOCOL } from '#lib/protocol/rendezvous/join.ts'
import { MAX_TICKET_BYTES } from '#lib/protocol/rendezvous/ticket.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import {
  INVITATION_TIMEOUT_MS,
  MAX_INVITATIONS_PER_MINUTE,
  MAX_REMEMBERED_ASSISTS,
} from '../limits.ts'
import type { RelayNode } from '../node.ts'
import { RateLimit } from '../rate-limit.ts'
import { within } from '../within.ts'

export interface InvitationsComponents {
  node: Pick<RelayNode, 'getConnections'>
  clock: Clock
  log: Logger
}

/** Tells peers that are connected here that another asks for them. */
export class Invitations {
  readonly #components: InvitationsComponents
  readonly #perPeer: RateLimit
  readonly #stopping = new AbortController()

  constructor(components: InvitationsComponents) {
    this.#components = components
    this.#perPeer = new RateLimit(components, {
      max: MAX_INVITATIONS_PER_MINUTE,
      windowMs: 60_000,
      maxAskers: MAX_REMEMBERED_ASSISTS,
    })
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Whether the ticket was sent to this peer, within `INVITATION_TIMEOUT_MS`. */
  async send(peer: PeerIdString, ticket: Uint8Array): Promise<boolean> {
    const { node, clock, log } = this.#components
    // The newest is the one that lives, where a peer has come back by another network.
    const connection = node
      .getConnections()
      .findLast(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === peer)
    if (connection === undefined || !this.#perPeer.allow(peer)) return false
    try {
      await within(clock, INVITATION_TIMEOUT_MS, this.#stopping.signal, async (signal) => {
        const stream = await connection.newStream(RENDEZVOUS_PROTOCOL, { signal })
        try {
          await lpStream(stream, { maxDataLength: MAX_TICKET_BYTES }).write(ticket, { signal })
          await stream.close({ signal })
        } catch (error) {
          stream.abort(error as Error)
          throw error
        }
      })
      return true
    } catch (error) {
      log.debug(`an invitation was not taken: ${String(error)}`)
      return false
    }
  }
}
