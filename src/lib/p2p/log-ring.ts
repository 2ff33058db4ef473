import { TypedEventEmitter } from 'main-event'
import type { Clock, Logger, Loggers } from '../protocol/seams.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogLine {
  atMs: number
  level: LogLevel
  /** The component that speaks, such as `keeper`. */
  scope: string
  text: string
}

/** Lines kept: an hour of a busy node, and less than 1 MiB. */
export const MAX_LOG_LINES = 1_000

/** Longest text of a line, in characters. */
export const MAX_LINE_CHARS = 500

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export interface LogRingEvents {
  /** A line came. */
  line: CustomEvent
}

/**
 * The newest lines of every component's log, for the person to read and copy.
 *
 * Safe to show anybody by construction: only texts come in, of errors only name and message, and whatever in
 * them looks like a key, a card or a signature is replaced.
 */
export class LogRing extends TypedEventEmitter<LogRingEvents> {
  readonly #clock: Pick<Clock, 'now'>
  readonly #capacity: number
  #lines: LogLine[] = []

  constructor(clock: Pick<Clock, 'now'>, capacity = MAX_LOG_LINES) {
    super()
    this.#clock = clock
    this.#capacity = capacity
  }

  /** Gives a component its logger. */
  readonly loggers: Loggers = (scope) => this.#logger(scope)

  /** The lines of this level and above, oldest first. */
  lines(minLevel: LogLevel): LogLine[] {
    return this.#lines.filter(({ level }) => RANK[level] >= RANK[minLevel])
  }

  #logger(scope: string): Logger {
    const at = (level: LogLevel) => (text: string) => {
      this.#add(level, scope, text)
    }
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: (text, cause) => {
        this.#add('error', scope, cause === undefined ? text : `${text}: ${causeText(cause)}`)
      },
    }
  }

  #add(level: LogLevel, scope: string, text: string): void {
    this.#lines.push({ atMs: this.#clock.now(), level, scope, text: redact(text) })
    // Cut in strides, so that a full ring does not move a thousand lines for each new one.
    if (this.#lines.length >= this.#capacity * 1.25)
      this.#lines = this.#lines.slice(-this.#capacity)
    this.safeDispatchEvent('line')
  }
}

/** What a log may say of this text. */
export function redact(text: string): string {
  const safe = text
    .replace(/#\/c\/[\w-]+/g, '#/c/…')
    // Peer ids have 52 characters; keys, signatures and sealed things in any base are longer or hexadecimal.
    .replace(/\b[\w-]{60,}\b|\b[0-9a-fA-F]{40,}\b/g, '…')
    .replace(/a=(ice-pwd|ice-ufrag|fingerprint|candidate):[^\r\n]*/g, 'a=$1:…')
  return safe.length > MAX_LINE_CHARS ? `${safe.slice(0, MAX_LINE_CHARS)}…` : safe
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause
}
