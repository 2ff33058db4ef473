/**
 * The ticket two peers are joined with at a relay's `/p2p` (join.ts): its body in canonical DAG-CBOR, and the 32 bytes of a MAC after it.
 *
 * A relay issues it, and it alone can tell that it did: the MAC is HMAC-SHA-256 over the body by a key that only that relay has. So nobody
 * makes one, or puts another peer into it. Whoever reads one cannot use it: both peers must prove their key.
 */
import * as v from 'valibot'
import { codec } from '../codec.ts'
import { InvalidDataError, LimitExceededError } from '../errors.ts'
import { bytesSchema, peerIdSchema, timeMsSchema } from '../schemas.ts'

/** Random: nobody finds an id that another was given. */
export const TICKET_ID_BYTES = 32

/** The length of HMAC-SHA-256. */
export const TICKET_MAC_BYTES = 32

/** How long a ticket holds by the clock of its relay, ms: as long as both take to come, twice over. */
export const TICKET_LIFE_MS = 120_000

/** Longest body in bytes: two peer ids, an id, a time, and their names. */
const MAX_BODY_BYTES = 224

/** Longest ticket in bytes. */
export const MAX_TICKET_BYTES = MAX_BODY_BYTES + TICKET_MAC_BYTES

const schema = v.pipe(
  v.strictObject({
    id: bytesSchema(TICKET_ID_BYTES, TICKET_ID_BYTES),
    /** Who asked, and dials over what is joined. */
    from: peerIdSchema,
    /** Who is asked for. */
    to: peerIdSchema,
    /** By the clock of the relay. */
    expiresAtMs: timeMsSchema,
  }),
  v.check(({ from, to }) => from !== to, 'to meet oneself'),
)

export type Ticket = v.InferOutput<typeof schema>

export const ticketBody = codec<Ticket>(schema, MAX_BODY_BYTES)

/** Its two parts; nothing of them is read. @throws LimitExceededError, InvalidDataError */
export function splitTicket(bytes: Uint8Array): { body: Uint8Array; mac: Uint8Array } {
  if (bytes.byteLength > MAX_TICKET_BYTES) throw new LimitExceededError('longer than a ticket')
  if (bytes.byteLength <= TICKET_MAC_BYTES) throw new InvalidDataError('shorter than a ticket')
  return { body: bytes.subarray(0, -TICKET_MAC_BYTES), mac: bytes.subarray(-TICKET_MAC_BYTES) }
}

/** What it says, which nobody but its relay can tell to be so. @throws LimitExceededError, InvalidDataError */
export function readTicket(bytes: Uint8Array): Ticket {
  return ticketBody.decode(splitTicket(bytes).body)
}
