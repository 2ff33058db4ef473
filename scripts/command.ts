import { spawn } from 'node:child_process'

export interface Outcome {
  /** 0 when it went well; 1 when it ended by a signal or could not be started. */
  code: number
  /** What it printed, both channels in the order they came; empty when shown at once. */
  output: string
  elapsedMs: number
}

export interface CommandOptions {
  /** Print its output as it comes rather than collect it. */
  show?: boolean
  env?: Record<string, string>
  /** Where it runs; here when left out. */
  cwd?: string
  /** Ended by a signal after so long, ms; never when left out. */
  timeoutMs?: number
}

/** Runs a program of the PATH to its end; with npm that includes node_modules/.bin. It has no input. */
export function run(
  command: readonly [string, ...string[]],
  { show = false, env = {}, cwd = process.cwd(), timeoutMs = 0 }: CommandOptions = {},
): Promise<Outcome> {
  const [program, ...args] = command
  const startedMs = performance.now()
  const child = spawn(program, args, {
    stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
    timeout: timeoutMs,
  })
  let output = ''
  const collect = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return new Promise((resolve) => {
    const end = (code: number): void => {
      resolve({ code, output, elapsedMs: performance.now() - startedMs })
    }
    child.once('error', (error) => {
      output += `${program}: ${error.message}\n`
      end(1)
    })
    child.once('close', (code) => {
      end(code ?? 1)
    })
  })
}
