import { isIP } from 'node:net'
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import {
  QUIC_CPU_PATIENCE_MS,
  QUIC_CPU_SHARE,
  QUIC_MEMORY_MIB,
  QUIC_SILENCE_MS,
} from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import type { RunningProcess } from '../supervised-process.ts'
import type { SessionConnection, SessionConnectionInit } from './session-connection.ts'
import type { SessionStream } from './session-stream.ts'
import { encodeWord, REFUSED, type Word, WordReader } from './words.ts'

export interface QuicRunComponents {
  clock: Clock
  log: Logger
  refusals: Refusals
}

/** What a session is made of, but for what its listener knows. */
export type NewSession = { address: string; port: number } & Pick<
  SessionConnectionInit,
  'session' | 'say' | 'nextStream' | 'onStream' | 'onStreamOver'
>

export interface QuicHost {
  /** Null when there is no place for it. */
  take(session: NewSession): SessionConnection | null
  onListening(port: number): void
}

/**
 * One run of the process that speaks QUIC: its sessions and streams by their numbers, and a watch over it. What it says is
 * believed no more than what a browser says: whoever has broken into it may say anything.
 */
export class QuicRun {
  readonly #components: QuicRunComponents
  readonly #running: RunningProcess
  readonly #channel: RunningProcess['channel']
  readonly #host: QuicHost
  readonly #sessions = new Map<number, SessionConnection>()
  readonly #streams = new Map<number, SessionStream>()
  #nextStream = 1
  #pulse: { atMs: number; cpuMs: number }
  /** Since when it has taken more than its share. */
  #busySinceMs: number | null = null
  #cancelSilence: () => void

  constructor(components: QuicRunComponents, running: RunningProcess, host: QuicHost) {
    this.#components = components
    this.#running = running
    this.#channel = running.channel
    this.#host = host
    this.#pulse = { atMs: components.clock.now(), cpuMs: 0 }
    this.#cancelSilence = this.#listenFor()
    const words = new WordReader()
    running.channel.on('data', (chunk: Buffer) => {
      try {
        for (const word of words.push(chunk)) this.#hear(word)
      } catch (error) {
        if (!(error instanceof InvalidDataError || error instanceof LimitExceededError)) throw error
        this.#kill(error.message)
      }
    })
    running.channel.once('close', () => {
      this.end()
    })
  }

  say(word: Word): void {
    if (this.#channel.writable) this.#channel.write(encodeWord(word))
  }

  /** Nothing of it is left. */
  end(): void {
    this.#cancelSilence()
    for (const session of [...this.#sessions.values()]) session.lost()
    this.#sessions.clear()
    this.#streams.clear()
  }

  /** @throws InvalidDataError when it says what it should not */
  #hear(word: Word): void {
    switch (word.type) {
      case 'listening':
        this.#host.onListening(word.port)
        return
      case 'session':
        this.#begin(word)
        return
      case 'over':
        this.#sessions.get(word.session)?.lost()
        this.#sessions.delete(word.session)
        return
      case 'opened':
        if (this.#streams.has(word.stream) || word.stream % 2 !== 0) {
          throw new InvalidDataError('a stream that is there already')
        }
        this.#sessions.get(word.session)?.opened(word.stream)
        return
      case 'pulse':
        this.#watch(word)
        return
      case 'data':
      case 'taken':
      case 'end':
      case 'reset':
      case 'stop':
        this.#streams.get(word.stream)?.hear(word)
        return
      default:
        throw new InvalidDataError(`${word.type} from the wrong side`)
    }
  }

  #begin({ session, address, port }: Word & { type: 'session' }): void {
    if (this.#sessions.has(session)) throw new InvalidDataError('a session that is there already')
    if (isIP(address) === 0) throw new InvalidDataError('no address')
    const connection = this.#host.take({
      session,
      address,
      port,
      say: (word) => {
        this.say(word)
      },
      nextStream: () => {
        this.#nextStream += 2
        return this.#nextStream
      },
      onStream: (number, stream) => this.#streams.set(number, stream),
      onStreamOver: (number) => this.#streams.delete(number),
    })
    if (connection === null) this.say({ type: 'close', session })
    else this.#sessions.set(session, connection)
  }

  #watch({ cpuMs, memoryMib, refused }: Word & { type: 'pulse' }): void {
    const { clock, refusals } = this.#components
    for (const [at, reason] of REFUSED.entries()) refusals.count(reason, refused[at])
    const now = clock.now()
    const share = (cpuMs - this.#pulse.cpuMs) / Math.max(1, now - this.#pulse.atMs)
    this.#pulse = { atMs: now, cpuMs }
    this.#busySinceMs = share > QUIC_CPU_SHARE ? (this.#busySinceMs ?? now) : null
    if (memoryMib > QUIC_MEMORY_MIB) {
      this.#kill(`it takes ${memoryMib} MiB`)
    } else if (this.#busySinceMs !== null && now - this.#busySinceMs >= QUIC_CPU_PATIENCE_MS) {
      this.#kill('it takes a whole core')
    } else {
      this.#cancelSilence()
      this.#cancelSilence = this.#listenFor()
    }
  }

  #listenFor(): () => void {
    return this.#components.clock.after(QUIC_SILENCE_MS, () => {
      this.#kill(`nothing heard for ${QUIC_SILENCE_MS} ms`)
    })
  }

  #kill(why: string): void {
    this.#cancelSilence()
    this.#components.log.warn(`WebTransport is started again: ${why}`)
    this.#running.kill()
  }
}
