import { multiaddr } from '@multiformats/multiaddr'
import * as v from 'valibot'
import { isPeerId, parseMessageId, type MessageId, type PeerIdString } from './ids.ts'

/** Longest multiaddr taken from outside, in characters: a long DNS name with two certificate hashes fits. */
export const MAX_ADDRESS_CHARS = 256

/** The peer id of an Ed25519 key. */
export const peerIdSchema = v.custom<PeerIdString>(isPeerId, 'not a peer id')

/** A message's id in its text form. */
export const messageIdSchema = v.custom<MessageId>(isMessageId, 'not a message id')

/** Milliseconds since 1970. */
export const timeMsSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** A multiaddr in text form (https://github.com/multiformats/multiaddr). */
export const addressSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_ADDRESS_CHARS),
  v.check(isMultiaddr, 'not a multiaddr'),
)

/** `host[:port]`: a DNS name, an IPv4 address, or an IPv6 address in brackets. */
const RELAY_HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i

/** A relay as links and cards name it: `host[:port]`. */
export const relayHostSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_ADDRESS_CHARS),
  v.regex(RELAY_HOST, 'not a host'),
)

/** Bytes, at most `maxBytes` and at least `minBytes` (default 0) of them. */
export function bytesSchema(maxBytes: number, minBytes = 0): v.GenericSchema<unknown, Uint8Array> {
  return v.pipe(
    v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes'),
    v.minLength(minBytes),
    v.maxLength(maxBytes),
  )
}

function isMessageId(value: unknown): value is MessageId {
  try {
    parseMessageId(value)
    return true
  } catch {
    return false
  }
}

function isMultiaddr(text: string): boolean {
  try {
    multiaddr(text)
    return true
  } catch {
    return false
  }
}
