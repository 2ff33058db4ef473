import * as dagCbor from '@ipld/dag-cbor'
import { decode as decodeCbor, Tokenizer, Type } from 'cborg'
import type { GenericSchema } from 'valibot'
import { check } from './check.ts'
import { InvalidDataError, LimitExceededError, StarlingError } from './errors.ts'

/** Arrays, maps and tags nested deeper than this are refused: nothing of ours comes near it. */
export const MAX_DEPTH = 16

/** Turns values of one shape into canonical bytes and, from hostile bytes, back. */
export interface Codec<T> {
  /** Canonical DAG-CBOR. @throws InvalidDataError, LimitExceededError when `value` breaks its own rules. */
  encode(value: T): Uint8Array<ArrayBuffer>
  /**
   * Accepts exactly what `encode` can give: canonical, whole, of the right shape.
   * @throws LimitExceededError when too long or too deep, InvalidDataError otherwise.
   */
  decode(bytes: Uint8Array): T
}

/**
 * A codec for one message or signed object.
 *
 * DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/) has one spelling for each value; what is spelled
 * otherwise is refused, so a hash or signature over the bytes is one over the value.
 *
 * @param schema shape of the value; it bounds every string, array and number in it
 * @param maxBytes upper limit of the encoded length, checked before anything is decoded
 */
export function codec<T>(schema: GenericSchema<unknown, T>, maxBytes: number): Codec<T> {
  const bound = (byteLength: number): void => {
    if (byteLength > maxBytes) {
      throw new LimitExceededError(`${byteLength} bytes where at most ${maxBytes} are allowed`)
    }
  }
  return {
    encode(value) {
      const bytes = Uint8Array.from(dagCbor.encode(check(schema, value)))
      bound(bytes.byteLength)
      return bytes
    },
    decode(bytes) {
      bound(bytes.byteLength)
      const value = decodeBounded(bytes)
      if (!isCanonical(value, bytes)) throw new InvalidDataError('not canonical')
      return check(schema, value)
    },
  }
}

/** Whether two byte strings are the same. How long it takes tells how long they are, and not where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  let difference = 0
  // Every frame and row is compared: `reduce` would take several times as long.
  for (let at = 0; at < a.byteLength; at += 1) difference |= a[at]! ^ b[at]!
  return difference === 0
}

function isCanonical(value: unknown, bytes: Uint8Array): boolean {
  try {
    return equalBytes(dagCbor.encode(value), bytes)
  } catch (cause) {
    // A map whose `/` is its `bytes` seems to be a CID to the encoder.
    throw new InvalidDataError('not to be written again', { cause })
  }
}

function decodeBounded(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes, {
      ...dagCbor.decodeOptions,
      tokenizer: new ShallowTokenizer(bytes, dagCbor.decodeOptions),
    }) as unknown
  } catch (cause) {
    if (cause instanceof StarlingError) throw cause
    throw new InvalidDataError('not DAG-CBOR', { cause })
  }
}

/** Refuses nesting before the decoder recurses into it. */
class ShallowTokenizer extends Tokenizer {
  /** Values still to come at each open level. */
  readonly #open: number[] = []

  override next(): ReturnType<Tokenizer['next']> {
    const token = super.next()
    while (this.#open.at(-1) === 0) this.#open.pop()
    const top = this.#open.length - 1
    if (top >= 0) this.#open[top]! -= 1
    const children = childCount(token)
    if (children > 0) {
      this.#open.push(children)
      if (this.#open.length > MAX_DEPTH) {
        throw new LimitExceededError(`nested deeper than ${MAX_DEPTH} levels`)
      }
    }
    return token
  }
}

function childCount(token: ReturnType<Tokenizer['next']>): number {
  if (Type.equals(token.type, Type.array)) return token.value as number
  if (Type.equals(token.type, Type.map)) return (token.value as number) * 2
  return Type.equals(token.type, Type.tag) ? 1 : 0
}
