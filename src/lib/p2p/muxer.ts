import { steadyYamux } from '../protocol/steady-yamux.ts'

/**
 * Bytes of one stream that may be under way. yamux lets a fast stream have up to 16 MiB by and by; of a way that is slower than its source
 * the relay holds what is under way, and cuts a connection for which it would hold more than four such windows.
 */
const WINDOW_BYTES = 256 * 1_024

/** Streams of a connection that has none of its own. */
export const muxer = steadyYamux({
  streamOptions: { initialStreamWindowSize: WINDOW_BYTES, maxStreamWindowSize: WINDOW_BYTES },
})
