import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

const KEY_BYTES = 32

const INFO = utf8ToBytes('starling parting words')

/**
 * The key for what a page leaves behind when it goes, from that of the database by HKDF (RFC 5869): pages may have
 * it, and it opens nothing in the database.
 */
export function partingKeyOf(databaseKey: Uint8Array): Uint8Array {
  return hkdf(sha256, databaseKey, undefined, INFO, KEY_BYTES)
}
