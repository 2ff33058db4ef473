/**
 * What runs on a channel's stream. Each unit is a kind byte, an unsigned varint, and for data that many bytes:
 *
 *     00 length bytes…   one frame
 *     01 credit          so many more bytes may be sent
 *
 * A side sends its credit first, and frames only as far as the other's credit reaches; a frame costs its length
 * and `FRAME_COST_BYTES`. The side that opened the stream has a channel once the other's first credit is there:
 * that is how the other accepts. Sources: https://github.com/multiformats/unsigned-varint, and credits as in
 * HTTP/2 (RFC 9113, 5.2), because a stream over WebRTC that is not read is reset by libp2p at 4 MiB.
 */
import { varint } from 'multiformats'
import { LimitExceededError } from '../../protocol/errors.ts'
import { ChannelProtocolError } from '../errors.ts'

/** What a frame costs besides its length, so that empty ones are not free. */
export const FRAME_COST_BYTES = 16

/** Credit given beyond which a peer's word is not taken: nobody buffers that much. */
export const MAX_CREDIT_BYTES = 16 * 1024 * 1024

/** A varint up to 2^28 has at most this many bytes; all numbers here are smaller. */
const MAX_VARINT_BYTES = 4

const DATA = 0
const CREDIT = 1

export type Unit = { type: 'frame'; bytes: Uint8Array } | { type: 'credit'; bytes: number }

export function frameCost(byteLength: number): number {
  return byteLength + FRAME_COST_BYTES
}

export function encodeFrame(frame: Uint8Array): Uint8Array {
  const unit = new Uint8Array(1 + varint.encodingLength(frame.byteLength) + frame.byteLength)
  unit[0] = DATA
  varint.encodeTo(frame.byteLength, unit, 1)
  unit.set(frame, unit.byteLength - frame.byteLength)
  return unit
}

export function encodeCredit(bytes: number): Uint8Array {
  const unit = new Uint8Array(1 + varint.encodingLength(bytes))
  unit[0] = CREDIT
  varint.encodeTo(bytes, unit, 1)
  return unit
}

/** Cuts what a stream brings into units. Nothing is allocated for a frame before its length is known to be allowed. */
export class UnitDecoder {
  readonly #maxFrameBytes: number
  /** Kind and varint of the unit under way. */
  #head: number[] = []
  #body: { bytes: Uint8Array; filled: number } | null = null

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** @throws LimitExceededError, ChannelProtocolError; the stream is then of no more use. */
  *push(chunk: Uint8Array): Iterable<Unit> {
    let offset = 0
    while (offset < chunk.byteLength) {
      if (this.#body === null) {
        const unit = this.#pushHead(chunk[offset]!)
        offset += 1
        if (unit !== null) yield unit
        continue
      }
      const { bytes, filled } = this.#body
      const part = chunk.subarray(offset, offset + bytes.byteLength - filled)
      bytes.set(part, filled)
      offset += part.byteLength
      this.#body.filled += part.byteLength
      if (this.#body.filled === bytes.byteLength) {
        this.#body = null
        yield { type: 'frame', bytes }
      }
    }
  }

  /** Takes one byte of a head; gives the unit when it is complete without a body. */
  #pushHead(byte: number): Unit | null {
    if (this.#head.push(byte) === 1) {
      if (byte !== DATA && byte !== CREDIT) throw new ChannelProtocolError('unknown kind of unit')
      return null
    }
    if (byte >= 0x80) {
      if (this.#head.length > MAX_VARINT_BYTES) throw new LimitExceededError('number too long')
      return null
    }
    const [kind, ...digits] = this.#head
    this.#head = []
    // The specification of varints forbids it, and the decoder has no error of ours for it.
    if (byte === 0 && digits.length > 1) throw new ChannelProtocolError('number padded with zeros')
    const [value] = varint.decode(Uint8Array.from(digits))
    if (kind === CREDIT) return { type: 'credit', bytes: value }
    if (value > this.#maxFrameBytes) {
      throw new LimitExceededError(`a frame of ${value} bytes, ${this.#maxFrameBytes} are allowed`)
    }
    if (value === 0) return { type: 'frame', bytes: new Uint8Array(0) }
    this.#body = { bytes: new Uint8Array(value), filled: 0 }
    return null
  }
}
