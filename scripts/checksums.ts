import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Plugin } from 'vite'

/** Where the list is, beside what it lists. */
export const CHECKSUMS_FILE = 'SHA256SUMS.txt'

/**
 * SHA-256 of every file in the folder but the list itself, as `sha256sum` writes and reads it
 * (https://www.gnu.org/software/coreutils/manual/html_node/sha2-utilities.html), in the order of the names.
 */
export async function checksumsOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((name) => name !== CHECKSUMS_FILE)
    .sort()
  const lines = await Promise.all(
    names.map(async (name) => {
      const hash = createHash('sha256').update(await readFile(join(folder, name)))
      return `${hash.digest('hex')}  ${name}\n`
    }),
  )
  return lines.join('')
}

/** Puts the list into what is published. To stand last: the service worker is written when a build is closed. */
export function checksums(): Plugin {
  let folder = ''
  return {
    name: 'checksums',
    apply: 'build',
    enforce: 'post',
    configResolved({ root, build, isWorker }) {
      folder = isWorker ? '' : resolve(root, build.outDir)
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      async handler() {
        if (folder !== '') await writeFile(join(folder, CHECKSUMS_FILE), await checksumsOf(folder))
      },
    },
  }
}
