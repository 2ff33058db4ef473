import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHECKSUMS_FILE, checksumsOf } from '../../../scripts/checksums.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Packages that must be in the bundle once: two copies would be two registries and twice the bytes. */
const ONCE = ['noise', 'yamux', 'libp2p', '@libp2p/interface', '@libp2p/webrtc', 'dexie'] as const

let dist: string
let sources: string[]

beforeAll(async () => {
  dist = mkdtempSync(join(tmpdir(), 'starling-build-'))
  await build({ root: ROOT, logLevel: 'error', build: { outDir: dist, emptyOutDir: true } })
  sources = globSync(join(dist, 'assets/*.map')).flatMap(
    (file) => (JSON.parse(readFileSync(file, 'utf8')) as { sources: string[] }).sources,
  )
}, 120_000)

afterAll(() => {
  rmSync(dist, { recursive: true, force: true })
})

test.each(ONCE)('%s is in the bundle exactly once', (name) => {
  expect([...foldersOf(name)]).toHaveLength(1)
})

test('every file is in the list of checksums with its own', async () => {
  const listed = readFileSync(join(dist, CHECKSUMS_FILE), 'utf8')
  expect(listed).toBe(await checksumsOf(dist))
  const files = listed.trimEnd().split('\n')
  const named = files.map((line) => /^[0-9a-f]{64} {2}(\S+)$/.exec(line)?.[1])
  expect(named).toEqual(expect.arrayContaining(['index.html', 'service-worker.js']))
  const onDisk = globSync('**/*.*', { cwd: dist }).filter((name) => name !== CHECKSUMS_FILE)
  expect(named).toHaveLength(onDisk.length)
})

/** WebKit would run it a second time in the same worker, and with it a second host. */
test('no chunk imports the entry of the worker', () => {
  expect(importersOf('node.worker')).toEqual([])
  expect(importersOf('node-host')).not.toEqual([])
})

/** The chunks that import the one of this name, at once or later. */
function importersOf(chunk: string): string[] {
  const imports = new RegExp(`\\b(?:from|import)\\s*\\(?\\s*["'\`]\\./${chunk}-`)
  return globSync('assets/*.js', { cwd: dist }).filter((file) =>
    imports.test(readFileSync(join(dist, file), 'utf8')),
  )
}

/** The folders a package's sources come from, whatever name it was installed by. */
function foldersOf(name: string): Set<string> {
  const aliases: Partial<Record<string, string>> = {
    noise: '(?:@libp2p/noise|@chainsafe/libp2p-noise)',
    yamux: '(?:@libp2p/yamux|@chainsafe/libp2p-yamux)',
  }
  const pattern = new RegExp(`^(.*node_modules/${aliases[name] ?? name})/(?:src|dist)/`)
  return new Set(sources.flatMap((source) => pattern.exec(source)?.[1] ?? []))
}
