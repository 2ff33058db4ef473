import { createHash } from 'node:crypto'

/** SHA-256 of what the hash is for and the bytes. */
export function hash(purpose: string, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(`${purpose}\0`).update(bytes).digest())
}

/** 32 bytes at the beginning of so many, the rest zeros. */
export function stretched(bytes: Uint8Array, count: number): Uint8Array {
  const long = new Uint8Array(count)
  long.set(bytes)
  return long
}

export function sha512(bytes: Uint8Array): Uint8Array {
  return createHash('sha512').update(bytes).digest()
}
