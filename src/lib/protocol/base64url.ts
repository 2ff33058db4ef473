import { base64url } from 'multiformats/bases/base64'

/** Bytes as text, RFC 4648 section 5, without padding. */
export function toBase64url(bytes: Uint8Array): string {
  return base64url.encode(bytes).slice(1)
}
