import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Relay } from '../support/relay.ts'

/** Each computes the handshakes of its clients, and has their memory and sockets. */
const PROCESSES = 4

/** Descriptors a relay has beside those of connections: files, its database, listeners. */
const OTHER_FILES = 200

/** Clients of a relay in processes of their own, each with keys and an address of its own. */
export class Crowd implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[]

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes
  }

  /** @param relay which believes a proxy at 127.0.0.1 who it is that connects */
  static at({ port }: Relay): Crowd {
    const program = new URL('crowd-process.ts', import.meta.url)
    return new Crowd(
      Array.from({ length: PROCESSES }, (_, which) => fork(program, [String(port), String(which)])),
    )
  }

  /** Resolves once so many more are connected. @throws Error when one cannot */
  async grow(count: number): Promise<void> {
    await Promise.all(
      this.#processes.map(async (process, which) => {
        process.send(Math.floor((count + which) / PROCESSES))
        await Promise.race([once(process, 'message'), failed(process)])
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) {
      if (process.exitCode !== null || process.signalCode !== null) continue
      const ended = once(process, 'exit')
      process.kill()
      await ended
    }
  }
}

async function failed(process: ChildProcess): Promise<never> {
  const [code, signal] = (await once(process, 'exit')) as [number | null, string | null]
  throw new Error(`clients of the relay ended with ${String(code ?? signal)}`)
}

/** @throws Error when a relay could not have so many sockets: each is a file descriptor */
export async function requireFiles(connections: number): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8')
  // Node takes as many as it may have: the first number is the second.
  const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity)
  const needed = connections + OTHER_FILES
  if (limit >= needed) return
  throw new Error(
    `${connections} connections take ${needed} file descriptors, and a process may have ${limit} here: raise it (ulimit -n ${needed})`,
  )
}
