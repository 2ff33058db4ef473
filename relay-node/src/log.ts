import { pino } from 'pino'
import type { Logger, Loggers } from '#lib/protocol/seams.ts'
import type { Config } from './config.ts'

/** JSON lines on standard error, so that standard output is for what people and tests read. */
export function pinoLoggers(level: Config['logLevel']): Loggers {
  const root = pino({ level, base: null }, pino.destination({ dest: 2, sync: true }))
  return (scope): Logger => {
    const log = root.child({ scope })
    return {
      debug: (text) => {
        log.debug(text)
      },
      info: (text) => {
        log.info(text)
      },
      warn: (text) => {
        log.warn(text)
      },
      error: (text, cause) => {
        log.error({ err: cause }, text)
      },
    }
  }
}
