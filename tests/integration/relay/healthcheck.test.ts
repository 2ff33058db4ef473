import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { startRelay } from './harness.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

/** Runs the HEALTHCHECK of the Dockerfile with these settings; its exit code. */
async function healthcheck(env: Record<string, string>): Promise<number | null> {
  const dockerfile = await readFile(resolve(ROOT, 'Dockerfile'), 'utf8')
  const command = /^HEALTHCHECK .*\\\n\s*(?<command>\[.*\])$/m.exec(dockerfile)?.groups?.['command']
  const [node, ...args] = JSON.parse(command ?? '[]') as string[]
  expect(node).toBe('node')
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

test.each([
  { flags: [], env: {} },
  { flags: ['--https'], env: { STARLING_HTTPS: 'true' } },
])('the container of a relay with $flags is healthy while it serves', async ({ flags, env }) => {
  const relay = await startRelay(flags)
  const settings = { HOST: '0.0.0.0', PORT: String(relay.port), ...env }
  expect(await healthcheck(settings)).toBe(0)
  await relay.stop()
  expect(await healthcheck(settings)).toBe(1)
})
