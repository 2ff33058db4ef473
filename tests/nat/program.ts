/** Programs that run beside a test. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

/** What ends it, and resolves when it has. */
export function ends(child: ChildProcess): () => Promise<void> {
  child.stdout?.resume()
  child.stderr?.resume()
  return async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
}

/** Resolves once it has printed this. @throws Error when it ends instead */
export async function said(child: ChildProcess, words: string): Promise<void> {
  let output = ''
  const keep = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  while (!output.includes(words)) {
    if (child.exitCode !== null) throw new Error(`it did not start:\n${output}`)
    await delay(50)
  }
}
