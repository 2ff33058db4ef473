/**
 * A link leads to a content: which one, what opens it, and where to look for it first. All of it stands in the fragment,
 * which no browser sends anywhere: `#/get/<base64url>`.
 *
 * Bytes: the version (1), then in canonical DAG-CBOR the list of the manifest's SHA-256, the content's key (32 bytes) or
 * what a password opens it with, the public keys of who has it, who shared it before all, and hosts of their relays.
 */
import { base64url } from 'multiformats/bases/base64'
import * as v from 'valibot'
import { CONTENT_KEY_BYTES, type ContentKey } from '../../content/chunk-cipher.ts'
import {
  contentIdOf,
  HASH_BYTES,
  manifestHashOf,
  type ContentId,
} from '../../content/content-id.ts'
import { lockKey, passwordLockSchema, unlockKey, type PasswordLock } from '../../crypto/key-seal.ts'
import type { Stretch } from '../../crypto/stretch.ts'
import { codec } from '../../protocol/codec.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import { peerIdOf, PUBLIC_KEY_BYTES, publicKeyOf, type PeerIdString } from '../../protocol/ids.ts'
import { bytesSchema, relayHostSchema } from '../../protocol/schemas.ts'
import type { Random } from '../../protocol/seams.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import { MalformedLinkError } from './errors.ts'

/** Where the link's own part begins. */
const LINK_FRAGMENT = '#/get/'

/** People in a link: who shared it, and who passes it on. */
export const MAX_LINK_PEERS = 2

/** Relay hosts in a link: two of each. */
export const MAX_LINK_RELAYS = 4

/** Longest, in bytes: a QR code of it is read from arm's length by any phone. */
export const MAX_LINK_BYTES = 512

/** Longest text that is looked at, in UTF-16 units: a link with a long host, and words around it. */
const MAX_LINK_CHARS = 4_096

const VERSION = 1
const LOCK_CONTEXT = new TextEncoder().encode('starling content key')

/** Base64url at the beginning of what follows the fragment: a message may go on behind it. */
const LEADING = /^[A-Za-z0-9_-]*/

/** What opens a content: its key, or a lock that a password opens. */
export type Opener = { type: 'key'; key: ContentKey } | { type: 'password'; lock: PasswordLock }

export interface Link {
  content: ContentId
  opener: Opener
  /** Who has it; the first is who shared it. */
  peers: PeerIdString[]
  /** `host[:port]` of their relays, the likeliest first. */
  relays: string[]
}

const bodies = codec(
  v.strictTuple([
    bytesSchema(HASH_BYTES, HASH_BYTES),
    v.union([
      bytesSchema(CONTENT_KEY_BYTES, CONTENT_KEY_BYTES),
      v.strictObject(passwordLockSchema),
    ]),
    v.pipe(
      v.array(bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)),
      v.minLength(1),
      v.maxLength(MAX_LINK_PEERS),
    ),
    v.pipe(v.array(relayHostSchema), v.maxLength(MAX_LINK_RELAYS)),
  ]),
  MAX_LINK_BYTES - 1,
)

/** What stands behind `#/get/` in a link, with as many of the relays as fit. */
export function encodeLink({ content, opener, peers, relays }: Link): string {
  const usable = relays.filter((host) => v.is(relayHostSchema, host)).slice(0, MAX_LINK_RELAYS)
  for (;;) {
    try {
      const body = bodies.encode([
        manifestHashOf(content),
        opener.type === 'key' ? opener.key : opener.lock,
        peers.slice(0, MAX_LINK_PEERS).map(publicKeyOf),
        usable,
      ])
      return toBase64url(Uint8Array.of(VERSION, ...body))
    } catch (error) {
      if (!(error instanceof LimitExceededError) || usable.length === 0) throw error
      usable.pop()
    }
  }
}

/** Reads a link of any Starling, its fragment, or what follows that. @throws MalformedLinkError */
export function decodeLink(text: string): Link {
  if (text.length > MAX_LINK_CHARS) throw new MalformedLinkError('longer than a link')
  const trimmed = text.trim()
  const fragment = trimmed.indexOf(LINK_FRAGMENT)
  const own = fragment < 0 ? trimmed : trimmed.slice(fragment + LINK_FRAGMENT.length)
  try {
    const bytes = base64url.decode(`u${LEADING.exec(own)![0]}`)
    if (bytes[0] !== VERSION) throw new MalformedLinkError('of another version')
    const [hash, opener, publicKeys, relays] = bodies.decode(bytes.subarray(1))
    return {
      content: contentIdOf(hash),
      opener:
        opener instanceof Uint8Array
          ? { type: 'key', key: Uint8Array.from(opener) }
          : { type: 'password', lock: opener },
      peers: publicKeys.map(peerIdOf),
      relays,
    }
  } catch (cause) {
    if (cause instanceof MalformedLinkError) throw cause
    if (cause instanceof InvalidDataError || cause instanceof LimitExceededError) {
      throw new MalformedLinkError('not a link', { cause })
    }
    // How multiformats says that it is not base64url.
    throw new MalformedLinkError('not base64url', { cause })
  }
}

/** Half a second of work, so that each guess costs as much. */
export async function lockContent(
  key: ContentKey,
  password: string,
  stretch: Stretch,
  random: Random,
): Promise<Opener> {
  return { type: 'password', lock: await lockKey(key, password, LOCK_CONTEXT, stretch, random) }
}

/** Null when it is another password. */
export function unlockContent(
  lock: PasswordLock,
  password: string,
  stretch: Stretch,
): Promise<ContentKey | null> {
  return unlockKey(lock, password, LOCK_CONTEXT, stretch)
}
