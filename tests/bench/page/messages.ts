import type { Wanted } from './transfers.ts'
import type { WebTransportOrder } from './web-transport.ts'

/** What the bench's tab and its worker say to each other. */
export type ToWorker =
  | { type: 'rtc'; message: unknown }
  | { type: 'start'; relay: string }
  | { type: 'meet'; peer: string; relay: string }
  | { type: 'echo'; rounds: number; bytes: number; sealed: Sealed; together?: number }
  | { type: 'say' }
  | { type: 'ratchet'; messages: number }
  | { type: 'bulk'; bytes: number }
  | { type: 'fill'; messages: number }
  | { type: 'page'; rounds: number }
  | { type: 'search'; rounds: number }
  | { type: 'search-at-once'; rounds: number }
  | { type: 'unlock'; rounds: number }
  | { type: 'share'; bytes: number }
  | { type: 'get'; wanted: Wanted }
  | { type: 'keep'; wanted: Wanted }
  | { type: 'part'; wanted: Wanted }
  | { type: 'check'; wanted: Wanted }
  | { type: 'given' }
  | { type: 'cap'; bytesPerSecond: number }
  | { type: 'hash'; bytes: number }
  | { type: 'web-transport'; order: WebTransportOrder }

export type ToTab =
  | { type: 'rtc'; message: unknown }
  | { type: 'answer'; value: unknown }
  | { type: 'failure'; text: string }

/** What of an echo is sealed end to end: nothing, the way there, or both, which turns the ratchet each time. */
export type Sealed = 'nothing' | 'there' | 'both'

/** First byte of a frame: send it back, count it, or count it and say when all are there. */
export const ECHO = 1
export const BULK = 2
export const LAST = 3

/** Open it and send it back: in clear, or sealed. */
export const OPEN = 4
export const ANSWER = 5

/** Bytes of a frame, and of a raw channel's message, when much is sent. */
export const CHUNK_BYTES = 16 * 1024
