import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Clock, Logger, Startable } from '#lib/protocol/seams.ts'
import {
  TURN_KILL_MS,
  TURN_MAX_RESTART_MS,
  TURN_RESTART_MS,
  TURN_START_MS,
  TURN_STEADY_MS,
} from '../limits.ts'

export interface SupervisedProcessComponents {
  clock: Clock
  log: Logger
}

export interface SupervisedProcessInit {
  /** For the log. */
  name: string
  command: readonly [string, ...string[]]
  env?: Readonly<Record<string, string>>
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
  #restartMs = TURN_RESTART_MS
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
    const cancelKill = this.#components.clock.after(TURN_KILL_MS, () => child.kill('SIGKILL'))
    await ended
    cancelKill()
  }

  #run(): void {
    const { clock, log } = this.#components
    const { name, command, env = {} } = this.#init
    const [program, ...args] = command
    const startedAtMs = clock.now()
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#child = child
    const words: string[] = []
    // Read, or it would wait for a reader.
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        words.push(line)
        if (words.length > LAST_LINES) words.shift()
      })
    }
    child.once('error', (error) => words.push(error.message))
    child.once('close', (code, signal) => {
      this.#child = null
      if (this.#stopped) return
      if (clock.now() - startedAtMs >= TURN_STEADY_MS) this.#restartMs = TURN_RESTART_MS
      const waitMs = this.#restartMs
      this.#restartMs = Math.min(TURN_MAX_RESTART_MS, waitMs * 2)
      // Once it has started, its words name the addresses of who uses it.
      const why = clock.now() - startedAtMs < TURN_START_MS ? `: ${words.join(' | ')}` : ''
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
