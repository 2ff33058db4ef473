/** The peer's side of a rendezvous (lib/protocol/rendezvous/join.ts), until libp2p has the connection. */
import type { Logger as Libp2pLogger } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { peerIdOf } from '../../protocol/ids.ts'
import { InvalidDataError } from '../../protocol/errors.ts'
import { metAddress, type RendezvousTarget } from '../../protocol/rendezvous/addresses.ts'
import {
  joinProof,
  RENDEZVOUS_PATH,
  RENDEZVOUS_WAIT_MS,
  rendezvousWord,
} from '../../protocol/rendezvous/join.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import type { Signer } from '../../protocol/signed.ts'
import { UnreachableError } from '../errors.ts'
import { askAssistance } from './ask-assistance.ts'
import { type Assisted, assistedBy } from './assisted.ts'
import { RendezvousConnection } from './connection.ts'
import { markMet } from './met.ts'

/** The relay ends a wait by itself; this is for one that does not. */
const PATIENCE_MS = RENDEZVOUS_WAIT_MS + 5_000

export interface MeetComponents {
  signer: Signer
  clock: Clock
  random: Random
  log: Libp2pLogger
  /** Told of what else a relay gave that was asked for help, whether the peer comes or not. */
  onAssisted: (assisted: Assisted) => void
}

export interface Meeting {
  target: RendezvousTarget
  /** As `rendezvousAddress` makes it. */
  address: Multiaddr
  ticket: Uint8Array
  direction: 'inbound' | 'outbound'
}

/** Asks the relay for a ticket, which invites the peer, and meets it. @throws UnreachableError, or what `askAssistance` throws */
export async function askAndMeet(
  components: MeetComponents,
  { target, address }: Pick<Meeting, 'target' | 'address'>,
  signal?: AbortSignal,
): Promise<RendezvousConnection> {
  const answer = await askAssistance(components, target, signal)
  components.onAssisted(assistedBy(answer, target))
  const { ticket, invited } = answer
  if (!invited) throw new UnreachableError('the peer is not at this relay')
  return await meet(components, { target, address, ticket, direction: 'outbound' }, signal)
}

/** Resolves once the other one is there. @throws UnreachableError, InvalidDataError, LimitExceededError, or the signal's reason */
export function meet(
  { signer, clock, log }: MeetComponents,
  { target, address, ticket, direction }: Meeting,
  signal?: AbortSignal,
): Promise<RendezvousConnection> {
  const { relay } = target
  const joined = Promise.withResolvers<RendezvousConnection>()
  const socket = new WebSocket(`${target.origin.replace(/^http/, 'ws')}${RENDEZVOUS_PATH}`)
  socket.binaryType = 'arraybuffer'
  const fail = (error: Error): void => {
    joined.reject(error)
  }
  const onAbort = (): void => {
    fail(signal?.reason as Error)
  }
  const cancel = clock.after(PATIENCE_MS, () => {
    fail(new UnreachableError('the relay left the rendezvous open'))
  })
  const prove = async (challenge: Uint8Array): Promise<void> => {
    const proof = { relay, peer: peerIdOf(signer.publicKey), challenge, ticket }
    socket.send(await joinProof.seal(proof, signer))
  }
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    try {
      if (!(data instanceof ArrayBuffer)) throw new InvalidDataError('a message of text')
      const word = rendezvousWord.decode(new Uint8Array(data))
      if (word.type === 'joined') {
        // At once: the next message is the other peer's.
        const init = { socket, direction, remoteAddr: markMet(metAddress(address)) }
        joined.resolve(new RendezvousConnection({ clock, log }, init))
        return
      }
      if (word.relay !== relay) throw new InvalidDataError('another relay')
      prove(word.challenge).catch(fail)
    } catch (error) {
      fail(error as Error)
    }
  }
  socket.onerror = () => {
    fail(new UnreachableError('no WebSocket to the relay'))
  }
  socket.onclose = ({ code }) => {
    fail(new UnreachableError(`the relay ended the rendezvous with ${code}`))
  }
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort)
  return joined.promise
    .catch((error: unknown) => {
      socket.close()
      throw error
    })
    .finally(() => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    })
}
