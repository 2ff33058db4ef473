import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const QUICK = new URL('quick/', import.meta.url).href

/** Public-key cryptography is most of the time a simulation takes: it is replaced by what takes little. */
const STAND_INS: Record<string, string> = {
  '@noble/curves/ed25519.js': `${QUICK}curves.ts`,
  '@libp2p/crypto/keys': `${QUICK}keys.ts`,
  '@noble/post-quantum/ml-kem.js': `${QUICK}ml-kem.ts`,
  '@noble/post-quantum/ml-dsa.js': `${QUICK}ml-dsa.ts`,
}

/** A mistake somebody could make, as a change of one file. */
export interface Bug {
  name: string
  /** From the root of the repository. */
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
}

/** What is loaded from now on is loaded with quick cryptography, and with this bug. */
export function prepare(bug: Bug | null): void {
  const buggy = bug === null ? null : new URL(`../../${bug.file}`, import.meta.url).href
  registerHooks({
    resolve(specifier, context, next) {
      const standIn = STAND_INS[specifier]
      if (standIn === undefined || context.parentURL?.startsWith(QUICK) === true) {
        return next(specifier, context)
      }
      return { url: standIn, format: 'module-typescript', shortCircuit: true }
    },
    load(url, context, next) {
      if (bug === null || url !== buggy) return next(url, context)
      const source = readFileSync(fileURLToPath(url), 'utf8')
      return { source: withBug(source, bug), format: 'module-typescript', shortCircuit: true }
    },
  })
}

/** @throws Error when the bug is not one of this source any more */
export function withBug(source: string, { name, file, find, replace }: Bug): string {
  const [before, after, ...more] = source.split(find)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(
      `${name}: what it changes stands in ${file} ${more.length === 0 ? 'no' : 'two'} times`,
    )
  }
  return `${before}${replace}${after}`
}
