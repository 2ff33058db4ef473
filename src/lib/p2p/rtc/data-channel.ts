import { EventAttributes } from './event-attributes.ts'

/** What a channel asks of the connection it belongs to. */
export interface ChannelLine {
  /** The chunks are transferred: nobody may use them afterwards. */
  send(channel: number, chunks: ArrayBuffer[]): void
  close(channel: number): void
}

/**
 * `bufferedamountlow` fires at this many bytes, although libp2p asks for 0: by the time the worker hears of an
 * empty buffer the wire has been idle for a port's round trip.
 */
export const LOW_WATER_BYTES = 256 * 1024

/**
 * What one message of the wire holds at most: what every browser takes that does not say otherwise (RFC 8841, 6). The
 * specification of libp2p has 16 KiB (https://github.com/libp2p/specs/blob/master/webrtc/README.md, multiplexing), for
 * browsers that are gone; each message crosses two ports, and a fourth of them cost that much less. libp2p reads a channel
 * as one run of bytes, wherever its messages begin.
 */
export const MAX_MESSAGE_BYTES = 64 * 1024

/** The label of the channel @libp2p/webrtc opens only to have something to negotiate. */
export const INIT_LABEL = 'init'

type ReadyState = 'connecting' | 'open' | 'closing' | 'closed'

/** The worker's half of an RTCDataChannel (https://www.w3.org/TR/webrtc/#rtcdatachannel). */
export class BridgedDataChannel extends EventAttributes {
  readonly label: string
  readonly protocol = ''
  readonly ordered = true
  readonly negotiated = false
  readonly number: number
  id: number | null
  binaryType: 'arraybuffer' | 'blob' = 'arraybuffer'
  bufferedAmountLowThreshold = 0
  readonly #line: ChannelLine
  #readyState: ReadyState
  #accepted = 0
  #sent = 0
  #outgoing: Uint8Array[] = []

  constructor(
    line: ChannelLine,
    init: { number: number; label: string; id: number | null; readyState: ReadyState },
  ) {
    super()
    this.#line = line
    this.number = init.number
    this.label = init.label
    this.id = init.id
    this.#readyState = init.readyState
  }

  get readyState(): ReadyState {
    return this.#readyState
  }

  /** Bytes given to `send` that have not left the tab's buffer as far as it has told, which it does not of a few. */
  get bufferedAmount(): number {
    return this.#accepted - this.#sent
  }

  /** @throws DOMException (InvalidStateError) when the channel is not open. */
  send(data: ArrayBuffer | ArrayBufferView): void {
    if (this.#readyState !== 'open') {
      throw new DOMException('RTCDataChannel.readyState is not open', 'InvalidStateError')
    }
    const chunk = bytesOf(data)
    this.#accepted += chunk.byteLength
    this.#outgoing.push(chunk)
    // All that is sent without a pause crosses the port together, copied once: libp2p writes into nothing it has sent.
    if (this.#outgoing.length === 1) {
      queueMicrotask(() => {
        this.#flush()
      })
    }
  }

  close(): void {
    if (this.#readyState === 'closing' || this.#readyState === 'closed') return
    this.#flush()
    this.#readyState = 'closing'
    // The real `init` channel stays open for the connection's life: two sides that close it at once can each miss
    // the other's half and wait for ever, and its id must not be given to a stream.
    if (this.label === INIT_LABEL)
      queueMicrotask(() => {
        this.ended()
      })
    else this.#line.close(this.number)
  }

  /** The real channel opened. */
  opened(id: number | null): void {
    if (this.#readyState !== 'connecting') return
    this.id = id
    this.#readyState = 'open'
    this.dispatchEvent(new Event('open'))
  }

  /** Chunks arrived. */
  received(chunks: ArrayBuffer[]): void {
    if (this.#readyState === 'closed') return
    for (const data of chunks) this.dispatchEvent(new MessageEvent('message', { data }))
  }

  /** So many bytes in all have left the tab's buffer. */
  left(bytes: number): void {
    const before = this.bufferedAmount
    this.#sent = Math.min(Math.max(bytes, this.#sent), this.#accepted)
    const now = this.bufferedAmount
    const low = Math.max(this.bufferedAmountLowThreshold, LOW_WATER_BYTES)
    if (now < before && now <= low && (before > low || now === 0)) {
      this.dispatchEvent(new Event('bufferedamountlow'))
    }
  }

  /** The real channel is closed, or its connection is. */
  ended(): void {
    if (this.#readyState === 'closed') return
    const opened = this.#readyState !== 'connecting'
    this.#readyState = 'closed'
    this.#outgoing = []
    // libp2p waits for `open`, which only an error ends.
    if (!opened) this.dispatchEvent(new ChannelErrorEvent())
    this.dispatchEvent(new Event('close'))
  }

  get onopen() {
    return this.handler('open')
  }
  set onopen(handler) {
    this.setHandler('open', handler)
  }
  get onclose() {
    return this.handler('close')
  }
  set onclose(handler) {
    this.setHandler('close', handler)
  }
  get onmessage() {
    return this.handler<MessageEvent<ArrayBuffer>>('message')
  }
  set onmessage(handler) {
    this.setHandler('message', handler)
  }
  get onerror() {
    return this.handler('error')
  }
  set onerror(handler) {
    this.setHandler('error', handler)
  }
  get onbufferedamountlow() {
    return this.handler('bufferedamountlow')
  }
  set onbufferedamountlow(handler) {
    this.setHandler('bufferedamountlow', handler)
  }

  #flush(): void {
    const messages = joined(this.#outgoing)
    this.#outgoing = []
    if (messages.length > 0) this.#line.send(this.number, messages)
  }
}

class ChannelErrorEvent extends Event {
  readonly error = new DOMException('the channel never opened', 'NetworkError')

  constructor() {
    super('error')
  }
}

/**
 * The same bytes in as few messages as may be. libp2p sends a frame's length and the frame apart; as messages of
 * their own each of them would wake the tabs and workers of both sides.
 */
function joined(chunks: readonly Uint8Array[]): ArrayBuffer[] {
  const messages: ArrayBuffer[] = []
  for (let from = 0, to = 0; from < chunks.length; from = to) {
    let byteLength = 0
    do byteLength += chunks[to++]!.byteLength
    while (to < chunks.length && byteLength + chunks[to]!.byteLength <= MAX_MESSAGE_BYTES)
    const message = new Uint8Array(byteLength)
    let offset = 0
    for (const chunk of chunks.slice(from, to)) {
      message.set(chunk, offset)
      offset += chunk.byteLength
    }
    messages.push(message.buffer)
  }
  return messages
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
