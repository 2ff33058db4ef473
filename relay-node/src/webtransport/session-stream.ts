import type { Logger as Libp2pLogger, MessageStreamDirection } from '@libp2p/interface'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_WRITE_BUFFER_BYTES, WEBTRANSPORT_STREAM_WINDOW_BYTES } from '../limits.ts'
import { MAX_DATA_BYTES, type Word } from './words.ts'

export interface SessionStreamInit {
  number: number
  direction: MessageStreamDirection
  log: Libp2pLogger
  say: (word: Word) => void
  /** Takes so many bytes of the session's room, or as many as there are. */
  takeRoom: (byteCount: number) => number
  /** Gives them back: they went on to the network, or never will. */
  giveRoom: (byteCount: number) => void
  onClose: () => void
}

/** A stream of a session as libp2p wants it; the bytes go by the other process, never more than it has room for. */
export class SessionStream extends AbstractStream {
  readonly #init: SessionStreamInit
  #roomBytes = WEBTRANSPORT_STREAM_WINDOW_BYTES
  /** What came while libp2p did not read: the other process is told when it does. */
  #heldBytes = 0
  #hasEnded = false
  #isReadToEnd = false
  /** Nobody reads what is written. */
  #isUnread = false

  constructor(init: SessionStreamInit) {
    super({
      id: String(init.number),
      direction: init.direction,
      log: init.log.newScope(`${init.direction}:${init.number}`),
      maxReadBufferLength: MAX_WRITE_BUFFER_BYTES,
      maxWriteBufferLength: MAX_WRITE_BUFFER_BYTES,
    })
    this.#init = init
    this.addEventListener('close', () => {
      if (!this.#hasEnded) this.#say('reset')
      if (!this.#isReadToEnd) this.#say('stop')
      init.giveRoom(WEBTRANSPORT_STREAM_WINDOW_BYTES - this.#roomBytes)
      init.onClose()
    })
  }

  /** What the other process says of it. */
  hear(word: Word): void {
    switch (word.type) {
      case 'data':
        this.onData(word.bytes)
        this.#heldBytes += word.bytes.byteLength
        if (this.readStatus !== 'paused') this.#tellTaken()
        return
      case 'taken': {
        const byteCount = Math.min(
          word.byteCount,
          WEBTRANSPORT_STREAM_WINDOW_BYTES - this.#roomBytes,
        )
        this.#roomBytes += byteCount
        this.#init.giveRoom(byteCount)
        if (this.writableNeedsDrain) this.onMuxerDrain()
        return
      }
      case 'end':
        this.#isReadToEnd = true
        this.onRemoteCloseWrite()
        return
      case 'reset':
        this.#isReadToEnd = true
        this.onRemoteReset()
        return
      case 'stop':
        this.#isUnread = true
        this.onRemoteCloseRead()
        if (this.writableNeedsDrain) this.onMuxerDrain()
        return
      default:
    }
  }

  override sendData(data: Uint8ArrayList): SendResult {
    if (this.#isUnread) return { sentBytes: data.byteLength, canSendMore: true }
    const sentBytes = this.#init.takeRoom(Math.min(this.#roomBytes, data.byteLength))
    this.#roomBytes -= sentBytes
    for (let at = 0; at < sentBytes; at += MAX_DATA_BYTES) {
      const bytes = data.subarray(at, Math.min(at + MAX_DATA_BYTES, sentBytes))
      this.#init.say({ type: 'data', stream: this.#init.number, bytes })
    }
    return { sentBytes, canSendMore: sentBytes === data.byteLength }
  }

  override sendReset(): void {
    // Said when it closes, which is at once.
  }

  override sendCloseWrite(): Promise<void> {
    this.#hasEnded = true
    this.#say('end')
    return Promise.resolve()
  }

  override sendCloseRead(): Promise<void> {
    this.#isReadToEnd = true
    this.#say('stop')
    return Promise.resolve()
  }

  override sendPause(): void {
    // What comes from now on is held.
  }

  override sendResume(): void {
    this.#tellTaken()
  }

  #tellTaken(): void {
    if (this.#heldBytes === 0) return
    this.#init.say({ type: 'taken', stream: this.#init.number, byteCount: this.#heldBytes })
    this.#heldBytes = 0
  }

  #say(type: 'end' | 'reset' | 'stop'): void {
    this.#init.say({ type, stream: this.#init.number })
  }
}
