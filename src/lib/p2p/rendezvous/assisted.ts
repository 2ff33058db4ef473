/** What of an answer of a relay that was asked for help is used beside its ticket (adr 0024). The relay may say anything. */
import { multiaddr } from '@multiformats/multiaddr'
import type { AssistAnswer } from '../../protocol/assist.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { RendezvousTarget } from '../../protocol/rendezvous/addresses.ts'
import { peerOf, transportOf } from '../addresses.ts'
import { isPrivateHost } from './private-host.ts'

/** Relays of an answer that are tried: a peer has places at three. */
export const MAX_RECORDED_RELAYS = 3

export interface Assisted {
  /** Who was to be reached. */
  peer: PeerIdString
  /** Multiaddrs of other relays, where the peer is by its own record as the relay says. */
  relays: string[]
  /** STUN and TURN; null: the relay has none. */
  ice: AssistAnswer['ice']
  /** Where those servers are that name no host: the relay's own. */
  host: string
}

/** Who answers from outside does not choose what is asked inside: private hosts are named by a relay at one alone. */
export function assistedBy(answer: AssistAnswer, { origin, peer }: RendezvousTarget): Assisted {
  const host = new URL(origin).hostname
  const mayName = isPrivateHost(host) ? () => true : (other: string) => !isPrivateHost(other)
  const { ice } = answer
  return {
    peer,
    relays: recordedRelays(answer, mayName),
    ice: ice && {
      ...ice,
      servers: ice.servers.filter((server) => server.host === null || mayName(server.host)),
    },
    host,
  }
}

/** One address of each relay, of a kind that pages dial, with its peer id. */
function recordedRelays(
  { relay: asked, relays }: AssistAnswer,
  mayName: (host: string) => boolean,
): string[] {
  return relays
    .filter(({ why, peer }) => why === 'record' && peer !== asked)
    .flatMap(({ peer, addresses }) => {
      const dialled = addresses.find((text) => {
        const address = multiaddr(text)
        const isOfPages = ['websocket', 'webtransport'].includes(transportOf(address))
        const host = address.getComponents()[0]?.value ?? ''
        return isOfPages && peerOf(address) === peer && mayName(host)
      })
      return dialled ?? []
    })
    .slice(0, MAX_RECORDED_RELAYS)
}
