import { encode } from '@ipld/dag-cbor'
import { equalBytes, type Codec } from '#lib/protocol/codec.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import { changedBytes } from './bytes.ts'
import { changedTree, treeOf, type Tree } from './cbor.ts'
import type { Dice } from './dice.ts'
import { changedText } from './texts.ts'
import { changedValue } from './values.ts'

/** Something that reads what strangers, relays, files or other processes give. */
export interface Target {
  name: string
  /** Decoders it reaches: file from the root, `#`, name there. */
  decoders: readonly string[]
  /** Whether public-key cryptography is in the way: then all but a few inputs meet stand-ins of it. */
  keys?: true
  /** One of so many inputs, because each takes long. */
  oneOf?: number
  /** An input for it. */
  make(dice: Dice): unknown
  /** Takes the input, or throws a StarlingError. Anything else it throws is a mistake. */
  take(input: never): unknown
}

type Options = Pick<Target, 'keys' | 'oneOf'>

/** Longest input of bytes that mean nothing. */
const MAX_NOISE_BYTES = 200

/** Bytes, most of them CBOR. */
export function bytesTarget(
  name: string,
  decoders: readonly string[],
  samples: readonly Uint8Array[],
  take: (input: Uint8Array<ArrayBuffer>) => unknown,
  options: Options = {},
): Target {
  return { name, decoders, ...options, make: bytesLike(samples), take }
}

/** Bytes that resemble the samples. */
export function bytesLike(samples: readonly Uint8Array[]): (dice: Dice) => Uint8Array<ArrayBuffer> {
  const trees = samples.map(treeOf)
  const others = trees.filter((tree): tree is Tree => tree !== null)
  return (dice) => {
    if (dice.once(32)) return dice.bytes(dice.below(MAX_NOISE_BYTES))
    const at = dice.below(samples.length)
    const tree = trees[at] ?? null
    if (tree === null || dice.once(4)) return changedBytes(dice, samples[at]!)
    const changed = changedTree(dice, tree, others)
    return dice.once(8) ? changedBytes(dice, changed) : changed
  }
}

/** A codec takes what it gives, and gives what it takes, byte for byte. */
export function codecTarget<T>(
  name: string,
  decoder: string,
  codec: Codec<T>,
  samples: readonly Uint8Array[],
): Target {
  for (const sample of samples) codec.decode(sample)
  return bytesTarget(name, [decoder], samples, (input) => {
    requireSame(codec.encode(codec.decode(input)), input)
  })
}

/** Objects signed by one who may; some of them of a body that is none. */
export function signedTarget(
  name: string,
  decoders: readonly string[],
  by: { context: string; signer: Signer },
  samples: readonly Uint8Array[],
  open: (input: Uint8Array<ArrayBuffer>) => unknown,
): Target {
  const plain = bytesLike(samples)
  const bodies = bytesLike(samples.map((sample) => treeOf(sample)!.children[0]!.raw))
  return {
    name,
    decoders,
    keys: true,
    make: (dice) => (dice.once(4) ? sealed(by, bodies(dice)) : plain(dice)),
    take: open,
  }
}

/** Signed, whatever it says. */
export async function sealed(
  { context, signer }: { context: string; signer: Signer },
  body: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return Uint8Array.from(encode([body, await signer.sign(context, body)]))
}

export function textTarget(
  name: string,
  decoders: readonly string[],
  samples: readonly string[],
  take: (input: string) => unknown,
  options: Options = {},
): Target {
  const make = (dice: Dice): string => changedText(dice, dice.pick(samples))
  return { name, decoders, ...options, make, take }
}

export function valueTarget(
  name: string,
  decoders: readonly string[],
  samples: readonly unknown[],
  take: (input: unknown) => unknown,
): Target {
  const make = (dice: Dice): unknown => changedValue(dice, dice.pick(samples))
  return { name, decoders, make, take }
}

/** A decoder that gives other than it was given takes what it should not. */
export function requireSame(given: Uint8Array, taken: Uint8Array): void {
  if (!equalBytes(given, taken)) throw new Error('taken, and written otherwise')
}
