import { CannotOpenError } from '#lib/crypto/errors.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import { ASSIST_WINDOW_MS, type AssistRequest, assistRequest } from '#lib/protocol/assist.ts'
import { InvalidSignatureError } from '#lib/protocol/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { MAX_ASSISTS_PER_PEER_PER_MINUTE, MAX_REMEMBERED_ASSISTS } from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import { AssistRefusedError } from './errors.ts'
import type { AssistPrekeys } from './prekeys.ts'

export interface AskedByComponents {
  self: PeerIdString
  clock: Pick<Clock, 'now'>
  prekeys: Pick<AssistPrekeys, 'open'>
}

/** A request that is to be answered. */
export interface Asked {
  request: AssistRequest
  /** For who asked alone. */
  sealAnswer: (answer: Uint8Array) => Uint8Array
}

/** Tells who asks, of requests that are theirs, for this relay, of this moment, and here for the first time. */
export class AskedBy {
  readonly #self: PeerIdString
  readonly #clock: Pick<Clock, 'now'>
  readonly #prekeys: AskedByComponents['prekeys']
  readonly #perPeer: RateLimit
  /** When each request that was answered is late, by its peer and nonce, in the order they came. */
  readonly #answered = new Map<string, number>()

  constructor({ self, clock, prekeys }: AskedByComponents) {
    this.#self = self
    this.#clock = clock
    this.#prekeys = prekeys
    this.#perPeer = new RateLimit(
      { clock },
      {
        max: MAX_ASSISTS_PER_PEER_PER_MINUTE,
        windowMs: 60_000,
        maxAskers: MAX_REMEMBERED_ASSISTS,
      },
    )
  }

  /** @throws AssistRefusedError, LimitExceededError, InvalidDataError */
  async open(sealed: Uint8Array): Promise<Asked> {
    const { request: bytes, sealAnswer } = this.#opened(sealed)
    const request = await this.#proven(bytes)
    if (request.relay !== this.#self) throw new AssistRefusedError('proof', 'assist-proof')
    const nowMs = this.#clock.now()
    if (Math.abs(nowMs - request.atMs) > ASSIST_WINDOW_MS) {
      throw new AssistRefusedError('late', 'assist-proof')
    }
    this.#sweep(nowMs)
    const name = `${request.from} ${toBase64url(request.nonce)}`
    if (this.#answered.has(name)) throw new AssistRefusedError('late', 'assist-proof')
    const isFull = this.#answered.size >= MAX_REMEMBERED_ASSISTS
    if (isFull || !this.#perPeer.allow(request.from)) {
      throw new AssistRefusedError('busy', 'assist-requests')
    }
    // One from the near future is late only so much later.
    this.#answered.set(name, nowMs + 2 * ASSIST_WINDOW_MS)
    return { request, sealAnswer }
  }

  #opened(sealed: Uint8Array): ReturnType<AssistPrekeys['open']> {
    try {
      return this.#prekeys.open(sealed)
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      throw new AssistRefusedError('late', 'assist-proof')
    }
  }

  async #proven(bytes: Uint8Array): Promise<AssistRequest> {
    try {
      return await assistRequest.open(bytes)
    } catch (error) {
      if (!(error instanceof InvalidSignatureError)) throw error
      throw new AssistRefusedError('proof', 'assist-proof')
    }
  }

  /** All are remembered for as long, so the first are over first. */
  #sweep(nowMs: number): void {
    for (const [name, lateAtMs] of this.#answered) {
      if (lateAtMs > nowMs) return
      this.#answered.delete(name)
    }
  }
}
