import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import type { Clock, Logger, Startable } from '#lib/protocol/seams.ts'
import {
  PROGRAM_KILL_MS,
  PROGRAM_MAX_RESTART_MS,
  PROGRAM_RESTART_MS,
  PROGRAM_START_MS,
  PROGRAM_STEADY_MS,
} from './limits.ts'

export interface SupervisedProcessComponents {
  clock: Clock
  log: Logger
}

export interface SupervisedProcessInit {
  /** For the log. */
  name: string
  command: readonly [string, ...string[]]
  /** Beside the relay's own environment. */
  env?: Readonly<Record<string, string>>
  /** Which it does not get, as passwords are in it. */
  isStranger?: true
  /** Told of each that was started; it speaks by its descriptor 3. */
  onStart?: (running: RunningProcess) => void
}

/** One run of a program. */
export interface RunningProcess {
  pid: number
  channel: Duplex
  /** Ends it at once, as nothing can be said to it any more; it is started again. */
  kill(): void
}

/** Lines of its last words that are told when it does not start. */
const LAST_LINES = 6

/**
 * A program that runs as long as this does. One that ends by itself is started again, later each time until it has
 * run for a while; one that does not end when it is told to is killed.
 */
export class SupervisedProcess implements Startable {
  readonly #components: SupervisedProcessComponents
  readonly #init: SupervisedProcessInit
  #child: ChildProcess | null = null
  #cancelRestart: (() => void) | null = null
  #restartMs = PROGRAM_RESTART_MS
  #stopped = true

  constructor(components: SupervisedProcessComponents, init: SupervisedProcessInit) {
    this.#components = components
    this.#init = init
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRestart?.()
    this.#cancelRestart = null
    const child = this.#child
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill('SIGTERM')
    const cancelKill = this.#components.clock.after(PROGRAM_KILL_MS, () => child.kill('SIGKILL'))
    await ended
    cancelKill()
  }

  #run(): void {
    const { clock, log } = this.#components
    const { name, command, env = {}, isStranger, onStart } = this.#init
    const [program, ...args] = command
    const startedAtMs = clock.now()
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(onStart === undefined ? [] : ['pipe' as const])],
      env: isStranger === true ? env : { ...process.env, ...env },
    })
    this.#child = child
    const words: string[] = []
    // Read, or it would wait for a reader.
    for (const input of [child.stdout, child.stderr]) {
      if (input === null) continue
      createInterface({ input }).on('line', (line) => {
        words.push(line)
        if (words.length > LAST_LINES) words.shift()
      })
    }
    child.once('error', (error) => words.push(error.message))
    if (onStart !== undefined && child.pid !== undefined) {
      const channel = child.stdio[3] as Duplex
      // That it is gone is told by its end.
      channel.on('error', () => undefined)
      onStart({ pid: child.pid, channel, kill: () => child.kill('SIGKILL') })
    }
    child.once('close', (code, signal) => {
      this.#child = null
      if (this.#stopped) return
      if (clock.now() - startedAtMs >= PROGRAM_STEADY_MS) this.#restartMs = PROGRAM_RESTART_MS
      const waitMs = this.#restartMs
      this.#restartMs = Math.min(PROGRAM_MAX_RESTART_MS, waitMs * 2)
      // Once it has started, its words name the addresses of who uses it.
      const why = clock.now() - startedAtMs < PROGRAM_START_MS ? `: ${words.join(' | ')}` : ''
      log.warn(
        `${name} ended (${signal ?? String(code)}), started again in ${waitMs / 1_000} s${why}`,
      )
      this.#cancelRestart = clock.after(waitMs, () => {
        this.#cancelRestart = null
        this.#run()
      })
    })
  }
}
