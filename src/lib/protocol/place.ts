/** Where somebody sleeping can be written to: relays, and passes for a mailbox of each coming epoch. */
import * as v from 'valibot'
import { PUBLIC_KEY_BYTES } from './ids.ts'
import { grantSchema, passBytesSchema, type Grant } from './mailbox.ts'
import { bytesSchema, MAX_ADDRESS_CHARS } from './schemas.ts'

/** Relays that keep one's mailboxes: two may go before a message is lost with the third. */
export const PLACE_RELAYS = 3

/** Passes given ahead, one an epoch: for two months in which nothing is heard. */
export const PLACE_PASSES = 4

/** Longest place in bytes. */
export const MAX_PLACE_BYTES = PLACE_RELAYS * (MAX_ADDRESS_CHARS + 48) + PLACE_PASSES * 288 + 64

export const placeSchema = v.strictObject({
  relays: v.pipe(
    v.array(
      v.strictObject({
        key: bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES),
        /** `host[:port]`, a URL or a multiaddr, as relays are named in cards. */
        address: v.pipe(v.string(), v.maxLength(MAX_ADDRESS_CHARS)),
      }),
    ),
    v.maxLength(PLACE_RELAYS),
  ),
  /** A pass by itself, without its secret, is of an earlier version, and good for nothing any more. */
  passes: v.pipe(v.array(v.union([grantSchema, passBytesSchema])), v.maxLength(PLACE_PASSES)),
})

export type Place = v.InferOutput<typeof placeSchema>

/** The passes of use. */
export function grantsOf({ passes }: Place): Grant[] {
  return passes.filter((pass) => Array.isArray(pass))
}
