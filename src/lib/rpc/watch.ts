import type { Clock } from '../protocol/seams.ts'
import type { AbortOptions } from './api.ts'

/** What a watch looks at and when. */
export interface Watched<T> {
  read(): T
  /** Subscribes to changes; the returned function ends it. */
  changes(again: () => void): () => void
  /** The least time between two states, in ms; what changes meanwhile comes with the next. */
  paceMs: number
}

/** What tells by an event that it has changed. */
export interface Changing<Type extends string> {
  addEventListener(type: Type, listener: () => void): void
  removeEventListener(type: Type, listener: () => void): void
}

/** Changes told by events of one type. */
export function changesOf<Type extends string>(
  target: Changing<Type>,
  type: Type,
): Watched<unknown>['changes'] {
  return (again) => {
    target.addEventListener(type, again)
    return () => {
      target.removeEventListener(type, again)
    }
  }
}

/**
 * The present state at once, and then each that differs from the one before. A state the reader had no time for
 * is replaced by the next.
 */
export async function* watch<T>(
  watched: Watched<T>,
  clock: Clock,
  { signal }: AbortOptions = {},
): AsyncIterable<T> {
  let changed = true
  let told: string | null = null
  let wake: (() => void) | null = null
  const again = (): void => {
    changed = true
    wake?.()
  }
  const unlisten = watched.changes(again)
  signal?.addEventListener('abort', again)
  // States are plain data, and an aborted signal may become so while the reader is busy.
  const ended = (): boolean => signal?.aborted === true
  try {
    while (!ended()) {
      if (!changed) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      changed = false
      const state = watched.read()
      const text = JSON.stringify(state)
      if (text === told) continue
      told = text
      yield state
      await pause(clock, watched.paceMs, signal)
    }
  } finally {
    signal?.removeEventListener('abort', again)
    unlisten()
  }
}

function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(delayMs, end)
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
  })
}
