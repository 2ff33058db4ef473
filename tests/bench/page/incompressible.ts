/** Most that Web Crypto gives at once. */
const RANDOM_BYTES = 64 * 1024

/** Bytes that no compression makes fewer. */
export function incompressible(byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength)
  for (let at = 0; at < byteLength; at += RANDOM_BYTES) {
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES))
  }
  return bytes
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
