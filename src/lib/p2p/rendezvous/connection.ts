import type { Logger as Libp2pLogger } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_RENDEZVOUS_MESSAGE_BYTES } from '../../protocol/rendezvous/join.ts'
import type { Clock } from '../../protocol/seams.ts'

/** Bytes handed to the socket and not yet taken by the network, before libp2p is held back. */
export const MAX_SOCKET_QUEUE_BYTES = 256 * 1_024

/** How often a full socket is looked at, ms: a page is not told when it has room. */
export const ROOM_POLL_MS = 20

export interface RendezvousConnectionInit {
  /** Joined already. */
  socket: WebSocket
  direction: 'inbound' | 'outbound'
  remoteAddr: Multiaddr
}

/** A WebSocket to a relay, joined there with that of another peer, as libp2p wants it. */
export class RendezvousConnection extends AbstractMultiaddrConnection {
  readonly #clock: Clock
  readonly #socket: WebSocket
  #cancelPoll: (() => void) | null = null

  constructor(
    { clock, log }: { clock: Clock; log: Libp2pLogger },
    { socket, direction, remoteAddr }: RendezvousConnectionInit,
  ) {
    super({ direction, remoteAddr, log, maxMessageSize: MAX_RENDEZVOUS_MESSAGE_BYTES })
    this.#clock = clock
    this.#socket = socket
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) this.onData(new Uint8Array(data))
      else this.abort(new TypeError('a message of text'))
    }
    socket.onclose = ({ wasClean }) => {
      this.#cancelPoll?.()
      if (this.status !== 'open' && this.status !== 'closing') return
      if (wasClean) this.onTransportClosed()
      else this.onRemoteReset()
    }
    socket.onerror = null
  }

  override sendData(data: Uint8ArrayList): SendResult {
    if (this.#socket.readyState === WebSocket.OPEN) {
      // The relay counts messages as well as bytes: as few as it goes.
      this.#socket.send(Uint8Array.from(data.subarray()))
    }
    const canSendMore = this.#socket.bufferedAmount < MAX_SOCKET_QUEUE_BYTES
    if (!canSendMore) this.#poll()
    return { sentBytes: data.byteLength, canSendMore }
  }

  override sendReset(): void {
    this.#socket.close()
  }

  override sendClose(): Promise<void> {
    this.#socket.close()
    return Promise.resolve()
  }

  /** A page cannot leave a WebSocket unread; what comes waits in libp2p's own bounded buffer. */
  override sendPause(): void {
    return
  }

  override sendResume(): void {
    return
  }

  #poll(): void {
    this.#cancelPoll ??= this.#clock.after(ROOM_POLL_MS, () => {
      this.#cancelPoll = null
      if (this.status !== 'open') return
      if (this.#socket.bufferedAmount > MAX_SOCKET_QUEUE_BYTES / 2) this.#poll()
      else this.safeDispatchEvent('drain')
    })
  }
}
