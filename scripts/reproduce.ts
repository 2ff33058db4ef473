/**
 * Builds the page twice, in two folders, at two times, in two languages and time zones, and compares every byte. What a
 * relay publishes can so be told from the sources: see README.md.
 */
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { CHECKSUMS_FILE, checksumsOf } from './checksums.ts'
import { run } from './command.ts'

const root = join(import.meta.dirname, '..')

/** What is not of the sources. */
const LEFT_OUT = new Set(['.git', 'dist', 'node_modules', 'test-results', 'generated'])

async function build(folder: string, env: Record<string, string>): Promise<string[]> {
  const tree = join(folder, 'tree')
  await cp(root, tree, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'))
  const { code, output } = await run(['vite', 'build'], { cwd: tree, env })
  if (code !== 0) throw new Error(`the build failed:\n${output}`)
  const published = await readFile(join(tree, 'dist', CHECKSUMS_FILE), 'utf8')
  const found = await checksumsOf(join(tree, 'dist'))
  if (published !== found) throw new Error(`${CHECKSUMS_FILE} is not of what was built`)
  return found.trimEnd().split('\n')
}

const folders = [
  await mkdtemp(join(tmpdir(), 'starling-')),
  await mkdtemp(join(tmpdir(), 'starling-again-')),
] as const
try {
  const first = await build(folders[0], { TZ: 'UTC', LANG: 'C' })
  const second = await build(folders[1], { TZ: 'Asia/Kathmandu', LANG: 'ru_RU.UTF-8' })
  const other = [
    ...first.filter((line) => !second.includes(line)),
    ...second.filter((line) => !first.includes(line)),
  ]
  for (const line of other.sort((a, b) => a.slice(64).localeCompare(b.slice(64)))) console.log(line)
  console.log(`${first.length} files, ${other.length === 0 ? 'all the same' : 'not all the same'}`)
  if (other.length > 0 || first.length < 2) process.exitCode = 1
} finally {
  for (const folder of folders) await rm(folder, { recursive: true })
}
