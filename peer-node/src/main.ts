/** `npm run peer`: a person without a browser, run by a program. See docs/PEER.md. */
import { LogRing } from '#lib/p2p/log-ring.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { helpText, readConfig, type Config } from './config.ts'
import { startPeer } from './peer.ts'
import type { Event } from './protocol.ts'
import { Terminal } from './terminal.ts'

/** What does not end by itself in this time ends with the process. */
const STOP_TIMEOUT_MS = 10_000

try {
  const config = readConfig(process.argv.slice(2), process.env)
  if (config === 'help') process.stdout.write(helpText())
  else await run(config)
} catch (error) {
  if (!(error instanceof StarlingError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}

async function run(config: Config): Promise<void> {
  // Keys and messages are for this user alone.
  process.umask(0o077)
  const logs = new LogRing(systemClock)
  if (config.logLevel !== 'silent') logTo(process.stderr, logs, config.logLevel)

  const started = Promise.withResolvers<() => Promise<void>>()
  let ending = false
  const end = async (): Promise<void> => {
    if (ending) return
    ending = true
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
    const stop = await started.promise
    await stop()
    process.exit(0)
  }
  process.once('SIGTERM', () => void end())
  process.once('SIGINT', () => void end())
  // Whoever listened is gone.
  process.stdout.once('error', () => void end())

  // A program reads standard output; a person looks at the terminal.
  const terminal = process.stderr.isTTY ? new Terminal((text) => process.stderr.write(text)) : null
  const tell = (event: Event): void => {
    process.stdout.write(`${JSON.stringify(event)}\n`)
    terminal?.show(event)
  }

  const stop = await startPeer(
    config,
    {
      clock: systemClock,
      random: systemRandom,
      logs,
      input: process.stdin,
      tell,
    },
    {
      onQuit: () => void end(),
      onFailure: (error) => {
        process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`)
        process.exit(1)
      },
    },
  )
  started.resolve(stop)
}

function logTo(
  output: NodeJS.WritableStream,
  logs: LogRing,
  level: Exclude<Config['logLevel'], 'silent'>,
): void {
  let last: unknown = null
  logs.addEventListener('line', () => {
    const line = logs.lines(level).at(-1)
    if (line !== undefined && line !== last) output.write(`${JSON.stringify(line)}\n`)
    last = line
  })
}
