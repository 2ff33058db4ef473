import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the built page depends on. */
const SOURCES = ['src', 'public', 'messages', 'index.html', 'vite.config.ts', 'package-lock.json']

/** Names a build by what it is made from, so that the same sources have the same id on every machine. */
export function buildId(root: string = join(import.meta.dirname, '..')): string {
  const hash = createHash('sha256')
  for (const path of SOURCES.flatMap((each) => filesUnder(root, each)).sort()) {
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  }
  return hash.digest('base64url').slice(0, 12)
}

function filesUnder(root: string, path: string): string[] {
  const [entry] = readdirSync(root, { withFileTypes: true }).filter((each) => each.name === path)
  if (entry?.isFile() === true) return [path]
  if (entry === undefined) return []
  return readdirSync(join(root, path), { withFileTypes: true, recursive: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(root.length + 1))
    .filter((each) => !each.startsWith('src/lib/i18n/generated'))
}
