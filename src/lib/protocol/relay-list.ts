/**
 * The list of other relays a relay hands out, so that a client comes to hold several of different operators.
 *
 * A relay names only relays that it has itself dialled, pinged and seen offering circuit relay of late, and signs
 * the list, so that who named a bad relay is known. A client takes it from the issuer's directory
 * (directory.ts) and tries the relays itself before it relies on them.
 */
import * as v from 'valibot'
import { publicKeyOf } from './ids.ts'
import { addressSchema, peerIdSchema, timeMsSchema } from './schemas.ts'
import { requireFresh, signed, type Signer } from './signed.ts'

/** Signature context. */
export const RELAY_LIST_CONTEXT = 'starling-relay-list'

/** Relays in a list: more than a client ever uses. */
export const MAX_LISTED_RELAYS = 32

/** Addresses of one relay in a list: WebSocket and WebRTC-direct over IPv4, IPv6 and a name, and some to spare. */
export const MAX_LISTED_ADDRESSES = 8

/** Longest name of an operator, in characters. */
export const MAX_OPERATOR_CHARS = 64

/** Longest body in bytes: every relay with every address at full length. */
export const MAX_RELAY_LIST_BODY_BYTES = 80 * 1024

/** Longest list as sent, in bytes, its signature included. */
export const MAX_RELAY_LIST_BYTES = MAX_RELAY_LIST_BODY_BYTES + 80

/** How long a list is valid from its making: the certificate hashes in it outlive that. */
export const RELAY_LIST_LIFE_MS = 60 * 60_000

/** Who runs a relay, in their own words. */
export const operatorSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_OPERATOR_CHARS))

const schema = v.strictObject({
  /** The relay that signs. */
  issuer: peerIdSchema,
  issuedAtMs: timeMsSchema,
  expiresAtMs: timeMsSchema,
  relays: v.pipe(
    v.array(
      v.strictObject({
        peer: peerIdSchema,
        addresses: v.pipe(
          v.array(addressSchema),
          v.minLength(1),
          v.maxLength(MAX_LISTED_ADDRESSES),
        ),
        operator: v.exactOptional(operatorSchema),
        lastSeenWorkingAtMs: timeMsSchema,
      }),
    ),
    v.maxLength(MAX_LISTED_RELAYS),
  ),
})

export type RelayList = v.InferOutput<typeof schema>

export type ListedRelay = RelayList['relays'][number]

const lists = signed<RelayList>({
  context: RELAY_LIST_CONTEXT,
  schema,
  maxBytes: MAX_RELAY_LIST_BODY_BYTES,
  signedBy: (list) => publicKeyOf(list.issuer),
})

/** @throws InvalidDataError, LimitExceededError when the list breaks a rule or is not the signer's own. */
export function sealRelayList(list: RelayList, signer: Signer): Promise<Uint8Array<ArrayBuffer>> {
  return lists.seal(list, signer)
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError, ExpiredError */
export async function openRelayList(bytes: Uint8Array, nowMs: number): Promise<RelayList> {
  const list = await lists.open(bytes)
  requireFresh(list.expiresAtMs, nowMs)
  return list
}
