import { createRequire } from 'node:module'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import type { Startable } from '#lib/protocol/seams.ts'
import { QUIC_HEAP_MIB, QUIC_MEMORY_MIB } from '../limits.ts'
import { type RunningProcess, SupervisedProcess } from '../supervised-process.ts'
import type { Certificates } from './certificates.ts'
import { type QuicHost, QuicRun, type QuicRunComponents } from './quic-run.ts'

/** Lets everything else on the machine go first: https://man7.org/linux/man-pages/man2/setpriority.2.html */
const NICE = 10

export interface QuicProcessComponents extends QuicRunComponents {
  certificates: Certificates
}

export interface QuicProcessInit {
  host: string
  /** 0: any, and the same from then on. */
  port: number
}

/**
 * The relay's side of the process that speaks QUIC: starts it, tells it what to do, and starts it again when it ends, says
 * nothing any more, or takes more than it may. What it had is lost then, and nothing else.
 */
export class QuicProcess implements Startable {
  readonly #components: QuicProcessComponents
  readonly #host: QuicHost
  readonly #supervised: SupervisedProcess
  readonly #address: string
  #port: number
  #run: QuicRun | null = null
  #unsubscribe: (() => void) | null = null

  constructor(components: QuicProcessComponents, { host, port }: QuicProcessInit, takes: QuicHost) {
    this.#components = components
    this.#host = takes
    this.#address = host
    this.#port = port
    this.#supervised = new SupervisedProcess(components, {
      name: 'WebTransport',
      command: quicCommand(),
      isStranger: true,
      onStart: (running) => {
        this.#begin(running)
      },
    })
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#supervised.pid
  }

  start(): void {
    const { certificates } = this.#components
    this.#unsubscribe ??= certificates.onChange(() => {
      this.#run?.say({ type: 'certificate', ...certificates.current })
    })
    this.#supervised.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = null
    await this.#supervised.stop()
    this.#run?.end()
  }

  #begin(running: RunningProcess): void {
    try {
      setPriority(running.pid, NICE)
    } catch {
      // Where that is not allowed, it is as important as others.
    }
    const run = new QuicRun(this.#components, running, {
      take: (session) => this.#host.take(session),
      onListening: (port) => {
        this.#port = port
        this.#host.onListening(port)
      },
    })
    this.#run = run
    run.say({ type: 'certificate', ...this.#components.certificates.current })
    run.say({ type: 'listen', port: this.#port, host: this.#address })
  }
}

/** Machines that the binding has been published for; for others there is an empty package in the lock file. */
const MACHINES = ['linux-x64']

/** Whether there is a binary for this machine; it is loaded by the other process only. */
export function hasQuic(machine = `${process.platform}-${process.arch}`): boolean {
  if (!MACHINES.includes(machine)) return false
  const { resolve } = createRequire(import.meta.url)
  try {
    // An optional package: an installation may have left it out.
    return resolve(`@matrixai/quic-${machine}`) !== ''
  } catch {
    return false
  }
}

/** The limits of memory are the system's and JavaScript's own. */
function quicCommand(): [string, ...string[]] {
  const node: [string, ...string[]] = [
    process.execPath,
    `--max-old-space-size=${QUIC_HEAP_MIB}`,
    join(import.meta.dirname, 'child.ts'),
  ]
  if (process.platform === 'win32') return node
  return ['/bin/sh', '-c', `ulimit -d ${QUIC_MEMORY_MIB * 1_024}; exec "$0" "$@"`, ...node]
}
