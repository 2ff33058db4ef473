import { systemClock } from '#lib/protocol/seams.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import { helpText, readConfig } from './config.ts'
import { STOP_TIMEOUT_MS } from './limits.ts'
import { pinoLoggers } from './log.ts'
import { greeting } from './greeting.ts'
import { createRelay } from './relay.ts'

try {
  const config = readConfig(process.argv.slice(2), process.env)
  if (config === 'help') {
    process.stdout.write(helpText())
  } else {
    const loggers = pinoLoggers(config.logLevel)
    const log = loggers('main')
    const relay = await createRelay(config, { clock: systemClock, loggers })
    process.stdout.write(greeting(config, relay))

    const stop = async (signal: NodeJS.Signals): Promise<void> => {
      log.info(`${signal}: stopping`)
      // Whatever does not end by itself ends with the process.
      setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
      await relay.stop()
      process.exit(0)
    }
    process.once('SIGTERM', (signal) => void stop(signal))
    process.once('SIGINT', (signal) => void stop(signal))
  }
} catch (error) {
  if (!(error instanceof StarlingError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
