/**
 * The groups of Curve25519 with their logarithms in plain sight, in the place of @noble/curves: a point is the number it
 * is of the base point. The same algebra, so keys agree, blinded keys sign, and nothing that was changed is valid; no
 * security. The real ones are held to their vectors in tests/unit/crypto.
 */
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { hash, sha512 } from './hash.ts'

/** The order of the base point (RFC 8032, 5.1). */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

const modulo = (number: bigint): bigint => number % ORDER
const numberOf = (bytes: Uint8Array): bigint => modulo(bytesToNumberLE(bytes))
const bytesOf = (number: bigint): Uint8Array => numberToBytesLE(modulo(number), 32)
const scalarOf = (seed: Uint8Array): bigint => numberOf(hash('scalar', seed))

class Point {
  readonly #number: bigint

  constructor(number: bigint) {
    this.#number = number
  }

  static readonly BASE = new Point(1n)

  static readonly Fn = {
    create: modulo,
    add: (a: bigint, b: bigint) => modulo(a + b),
    mul: (a: bigint, b: bigint) => modulo(a * b),
  }

  static fromBytes(bytes: Uint8Array): Point {
    return new Point(numberOf(bytes))
  }

  multiply(scalar: bigint): Point {
    return new Point(modulo(this.#number * scalar))
  }

  toBytes(): Uint8Array {
    return bytesOf(this.#number)
  }
}

export const ed25519 = {
  Point,
  getPublicKey: (seed: Uint8Array) => bytesOf(scalarOf(seed)),
  sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
    const secret = scalarOf(seed)
    const commitment = numberOf(hash('nonce', concatBytes(seed, message)))
    const response = commitment + challenge(bytesOf(commitment), bytesOf(secret), message) * secret
    return concatBytes(bytesOf(commitment), bytesOf(response))
  },
  utils: {
    toMontgomery: (publicKey: Uint8Array) => publicKey.slice(),
    toMontgomerySecret: (seed: Uint8Array) => bytesOf(scalarOf(seed)),
    getExtendedPublicKey: (seed: Uint8Array) => ({
      scalar: scalarOf(seed),
      prefix: hash('prefix', seed),
    }),
  },
}

/** As RFC 8032, 5.1.7, without its factor of 8. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const commitment = signature.subarray(0, 32)
  const expected =
    numberOf(commitment) + challenge(commitment, publicKey, message) * numberOf(publicKey)
  return Buffer.compare(bytesOf(expected), signature.subarray(32)) === 0
}

export const x25519 = {
  getPublicKey: (secret: Uint8Array) => bytesOf(numberOf(secret)),
  getSharedSecret(secret: Uint8Array, theirs: Uint8Array): Uint8Array {
    const shared = numberOf(secret) * numberOf(theirs)
    if (modulo(shared) === 0n) throw new Error('a point of small order')
    return bytesOf(shared)
  },
}

/** As RFC 8032, 5.1.6, which mailbox-keys.ts takes for itself. */
function challenge(commitment: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return modulo(bytesToNumberLE(sha512(concatBytes(commitment, publicKey, message))))
}
