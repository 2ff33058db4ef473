/**
 * A content that was shared by a link is given no more: whoever shared it says so at relays, and whoever has it by their
 * link asks there. A relay keeps it as it keeps a provider record, and by the same questions (providers.ts).
 *
 * Its **key** there is a hash of its **subject**, another hash of the content's id than providers are looked for by, and of who
 * says it. So there is one a key, which nobody else can make, and a relay that is asked learns neither which content it is
 * about nor who shared it. Of a revocation that it has it knows who made it, and no more.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { InvalidDataError } from './errors.ts'
import { publicKeyOf } from './ids.ts'
import { CLOCK_TOLERANCE_MS } from './peer-record.ts'
import { openProviderRecord, type ProviderRecord } from './providers.ts'
import { bytesSchema, peerIdSchema, timeMsSchema } from './schemas.ts'
import { requireFresh, signed, type Signer } from './signed.ts'

/** How long one holds, from its making, in ms: as long as a relay keeps a copy. It is made anew while its maker is here. */
export const REVOCATION_LIFE_MS = 30 * 24 * 60 * 60_000

/** A SHA-256. */
const SUBJECT_BYTES = 32

/** A subject, a peer id and two times take some 150. */
const MAX_BODY_BYTES = 256

const schema = v.pipe(
  v.strictObject({
    /** `revocationSubjectOf` the content. */
    subject: bytesSchema(SUBJECT_BYTES, SUBJECT_BYTES),
    /** Who shared it. */
    peer: peerIdSchema,
    madeAtMs: timeMsSchema,
    expiresAtMs: timeMsSchema,
  }),
  v.check(
    ({ madeAtMs, expiresAtMs }) =>
      madeAtMs < expiresAtMs && expiresAtMs - madeAtMs <= REVOCATION_LIFE_MS,
    'lives longer than a revocation may',
  ),
)

export type Revocation = v.InferOutput<typeof schema>

const revocations = signed<Revocation>({
  context: 'starling-revocation-1',
  schema,
  maxBytes: MAX_BODY_BYTES,
  signedBy: ({ peer }) => publicKeyOf(peer),
})

/** @throws InvalidDataError, LimitExceededError when it breaks a rule or is not the signer's own */
export function sealRevocation(
  revocation: Revocation,
  signer: Signer,
): Promise<Uint8Array<ArrayBuffer>> {
  return revocations.seal(revocation, signer)
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError, ExpiredError */
export async function openRevocation(bytes: Uint8Array, nowMs: number): Promise<Revocation> {
  const revocation = await revocations.open(bytes)
  requireFresh(revocation.expiresAtMs, nowMs)
  if (revocation.madeAtMs > nowMs + CLOCK_TOLERANCE_MS) {
    throw new InvalidDataError('from the future')
  }
  return revocation
}

/** What a content is revoked as. @param id 32 bytes: the SHA-256 of its manifest */
export function revocationSubjectOf(id: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(concatBytes(utf8ToBytes('starling-revocation\0'), id)))
}

/** What a relay keeps it by, and is asked for. */
export function revocationKeyOf({
  subject,
  peer,
}: Pick<Revocation, 'subject' | 'peer'>): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(concatBytes(subject, publicKeyOf(peer))))
}

/** Of a provider record or a revocation what a relay keeps it by: who said it, under which key, and until when. */
export interface KeptRecord extends Pick<ProviderRecord, 'key' | 'peer' | 'expiresAtMs'> {
  /** Whether it is a revocation. */
  revokes: boolean
}

/** @throws like `openRevocation` */
export async function openKeptRecord(bytes: Uint8Array, nowMs: number): Promise<KeptRecord> {
  try {
    return { ...(await openProviderRecord(bytes, nowMs)), revokes: false }
  } catch (error) {
    if (!(error instanceof InvalidDataError)) throw error
  }
  const revocation = await openRevocation(bytes, nowMs)
  return { ...revocation, key: revocationKeyOf(revocation), revokes: true }
}
