import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

const MAIN = resolve(import.meta.dirname, '../../../relay-node/src/main.ts')

export interface RelayProcess {
  child: ChildProcess
  /** `http://localhost:…`, from the first line it printed. */
  address: string
  /** What it wrote to standard error so far. */
  errors(): string
  /** What it wrote to standard output so far. */
  printed(): string
}

/**
 * A relay as people start it, killed after the test. `shell` runs before it in the same shell, for limits of the
 * system; `main` is the file that is run.
 */
export async function startProcess(
  flags: readonly string[],
  { shell = 'true', main = MAIN }: { shell?: string; main?: string } = {},
): Promise<RelayProcess> {
  const { child, errors, printed } = run(flags, shell, main)
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line'), once(child, 'exit')])
  const address = /is at (?<address>\S+)$/.exec(String(first[0]))?.groups?.['address']
  if (address === undefined) throw new Error(`the relay did not start: ${errors()}`)
  return { child, address, errors, printed }
}

/** Runs a relay that is expected to end by itself. */
export async function runToEnd(
  flags: readonly string[],
): Promise<{ code: number | null; errors: string }> {
  const { child, errors } = run(flags, 'true', MAIN)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, errors: errors() }
}

function run(flags: readonly string[], shell: string, main: string) {
  const child = spawn(
    '/bin/sh',
    ['-c', `${shell}; exec "$@"`, 'sh', process.execPath, main, '--no-mdns', ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
  )
  let written = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written += text
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return { child, errors: () => written, printed: () => printed }
}
