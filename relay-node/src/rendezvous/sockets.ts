/** The relay's side of `/p2p` until a peer has proven its key (`lib/protocol/rendezvous/join.ts`); `Meetings` has it from then on. */
import { timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  CHALLENGE_BYTES,
  joinProof,
  MAX_PROOF_BYTES,
  MAX_RENDEZVOUS_MESSAGE_BYTES,
  RENDEZVOUS_FULL_CODE,
  RENDEZVOUS_PATH,
  RENDEZVOUS_REFUSED_CODE,
  rendezvousWord,
} from '#lib/protocol/rendezvous/join.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { type Admission, sourceOf } from '../admission.ts'
import { AtOnce } from '../at-once.ts'
import { BadFrameError, QuotaError, TicketError } from '../errors.ts'
import {
  type CostlyLimits,
  MAX_FRAME_FRAGMENTS,
  MAX_RENDEZVOUS_UNPROVEN,
  MAX_RENDEZVOUS_UNPROVEN_PER_ADDRESS,
  RENDEZVOUS_PING_MS,
} from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import type { UpgradeRoutes } from '../upgrade-routes.ts'
import type { Guest, Meetings } from './meetings.ts'
import type { Tickets } from './tickets.ts'

export interface RendezvousSocketsComponents {
  self: PeerIdString
  clock: Clock
  random: Pick<Random, 'bytes'>
  refusals: Refusals
  admission: Admission
  upgrades: UpgradeRoutes
  tickets: Tickets
  meetings: Meetings
  costly: Pick<CostlyLimits, 'handshakeTimeoutMs'>
}

/** Serves them until the returned function is called. */
export function rendezvousSockets(components: RendezvousSocketsComponents): () => Promise<void> {
  const { self, clock, random, refusals, admission, upgrades, tickets, meetings, costly } =
    components
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_RENDEZVOUS_MESSAGE_BYTES,
    maxFragments: MAX_FRAME_FRAGMENTS,
    perMessageDeflate: false,
  })
  const unproven = new AtOnce({
    max: MAX_RENDEZVOUS_UNPROVEN,
    maxPerAsker: MAX_RENDEZVOUS_UNPROVEN_PER_ADDRESS,
  })

  const refuse = (socket: WebSocket, error: unknown): void => {
    if (error instanceof TicketError) refusals.count('rendezvous-ticket')
    else if (error instanceof QuotaError) refusals.count('rendezvous-seats')
    else refusals.count('rendezvous-malformed')
    socket.close(error instanceof QuotaError ? RENDEZVOUS_FULL_CODE : RENDEZVOUS_REFUSED_CODE)
  }

  const prove = async (
    { socket, source }: Omit<Guest, 'peer'>,
    challenge: Uint8Array,
    data: Buffer,
  ): Promise<void> => {
    if (data.byteLength > MAX_PROOF_BYTES) throw new BadFrameError('more than a proof')
    const proof = await joinProof.open(data)
    const isMine = proof.relay === self && timingSafeEqual(proof.challenge, challenge)
    if (!isMine) throw new TicketError('proven to another, or before')
    if (socket.readyState !== socket.OPEN) return
    meetings.join(tickets.redeem(proof.ticket), { peer: proof.peer, source, socket })
  }

  const greet = (socket: WebSocket, source: string): void => {
    socket.on('error', () => {
      refusals.count('rendezvous-malformed')
      socket.terminate()
    })
    const leave = unproven.enter(source)
    if (leave === null) {
      refusals.count('rendezvous-at-once')
      socket.close(RENDEZVOUS_FULL_CODE)
      return
    }
    const challenge = random.bytes(CHALLENGE_BYTES)
    const cancel = clock.after(costly.handshakeTimeoutMs, () => {
      refusals.count('handshake-timeout')
      socket.terminate()
    })
    const done = (): void => {
      cancel()
      leave()
    }
    socket.once('close', done)
    socket.once('message', (data: RawData, isBinary) => {
      done()
      // Whoever waits says nothing: there is nobody yet to say it to.
      socket.on('message', () => {
        refusals.count('rendezvous-malformed')
        socket.terminate()
      })
      // `nodebuffer`, the default, makes every message one Buffer.
      const bytes = isBinary ? (data as Buffer) : Buffer.alloc(0)
      prove({ socket, source }, challenge, bytes).catch((error: unknown) => {
        if (!(error instanceof StarlingError)) socket.terminate()
        else refuse(socket, error)
      })
    })
    socket.send(rendezvousWord.encode({ type: 'challenge', relay: self, challenge }))
  }

  const unserve = upgrades.serve(RENDEZVOUS_PATH, (request, socket, head, remote) => {
    const leave = admission.enter(remote.address)
    if (leave === null) {
      socket.destroy()
      return
    }
    socket.once('close', leave)
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      beat(clock, webSocket, request.socket)
      greet(webSocket, sourceOf(remote.address))
    })
  })
  return () => {
    unserve()
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
    return Promise.resolve()
  }
}

/** Pings until it is closed, and cuts of whom nothing has come by the next time, be it an answer or something else. */
function beat(clock: Clock, webSocket: WebSocket, socket: Socket): void {
  let readBytes = -1
  const later = (): (() => void) =>
    clock.after(RENDEZVOUS_PING_MS, () => {
      // Who is held back for the other's sake is not heard, and is cut in time otherwise (`Pipe`).
      if (socket.bytesRead === readBytes && !webSocket.isPaused) {
        webSocket.terminate()
        return
      }
      readBytes = socket.bytesRead
      webSocket.ping()
      cancel = later()
    })
  let cancel = later()
  webSocket.once('close', () => {
    cancel()
  })
}
