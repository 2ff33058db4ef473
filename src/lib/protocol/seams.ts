/** The time, as a component: tests drive it by hand. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls once after at least `delayMs`; the returned function takes it back. */
  after(delayMs: number, call: () => void): () => void
}

/** Randomness, as a component: tests seed it. */
export interface Random {
  bytes(count: number): Uint8Array<ArrayBuffer>
  /** In [0, 1). */
  fraction(): number
}

/** Where a component says what it does. Never secrets, never what people wrote. */
export interface Logger {
  debug(text: string): void
  info(text: string): void
  warn(text: string): void
  error(text: string, cause?: unknown): void
}

/** A logger for the component of this name. */
export type Loggers = (scope: string) => Logger

/** A part with a life: both calls are idempotent, and nothing of it is left once `stop` resolves. */
export interface Startable {
  start(): Promise<void> | void
  stop(): Promise<void> | void
}

/** The platform's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
}

/** The platform's own randomness (Web Crypto). */
export const systemRandom: Random = {
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  fraction: () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32,
}
