/**
 * libp2p over plain HTTP, for networks that break WebSockets and UDP. One session is one libp2p connection; Noise runs
 * inside, so what is said here is to be trusted as little as the network.
 *
 *     client                                    relay
 *     POST /connect                         ──►           opens a session
 *                                           ◄──  201      its id, as text
 *     GET /connect?mode=…  X-Connect-Ack: 0 ──►
 *                                           ◄──  200      frames from number 0 on; what the mode makes of them
 *     POST /connect   [ack 3][data 0][data 1] ─►          frames up, and how many came down
 *                                           ◄──  200      [ack 2]
 *
 * Frames of data are numbered from 0, each way by itself. A side keeps what it sent until the other has acknowledged
 * it, says after every break how many it has, and is sent the rest again; what comes twice is dropped, and a gap ends
 * the request, never the session. So a request may be cut anywhere, and no byte is lost or doubled. One GET and
 * one POST of a session are served at a time: a newer one takes the place of the older.
 *
 * Every mode goes up by POSTs of frames (`frames.ts`). Down:
 * - `binary`: one answer without an end, of frames; an idle frame every 15 s.
 * - `sse`: the same as server-sent events (`events.ts`); a comment every 15 s.
 * - `longpoll`: answers that are complete: what there is, at once, or nothing after 10 s.
 * - `ws`: a WebSocket whose messages are frames, both ways. The first message says the session's id.
 *
 * A session ends when one side has said so (`end`, after all data; `reset`, at once), or has heard nothing
 * for too long. A relay answers 404 to a session it does not know, and 503 when there is no place for a new one.
 */
import { InvalidDataError } from '../errors.ts'
import { toBase64url } from '../base64url.ts'
import type { Random } from '../seams.ts'

/** Where the relay's HTTP serves it. */
export const CONNECT_PATH = '/connect'

/** In the order in which a client tries them: a WebSocket of its own failed before. */
export const CONNECT_MODES = ['binary', 'sse', 'longpoll', 'ws'] as const

export type ConnectMode = (typeof CONNECT_MODES)[number]

/** Names of headers, as Node gives them. */
export const SESSION_HEADER = 'x-connect-session'
export const ACK_HEADER = 'x-connect-ack'
export const MODE_HEADER = 'x-connect-mode'

/** Random bytes of a session's id: whoever guesses it could end the session, so nobody does. */
const SESSION_BYTES = 24

const SESSION_ID = /^[\w-]{32}$/

/** A relay's WebSocket ends with this when it does not know the session: the range for applications, RFC 6455, 7.4.2. */
export const SESSION_UNKNOWN_CODE = 4_404

/** Bytes sent and not yet acknowledged, each way: what a session may cost a relay, and what is under way on a long path. */
export const MAX_QUEUE_BYTES = 256 * 1_024

/** How often something is sent on an idle answer: proxies cut at 20 s and later. */
export const IDLE_MS = 15_000

/** How long a `longpoll` waits for something: below every proxy's patience. */
export const POLL_MS = 10_000

/** How often a client that has nothing to say says so: the relay's only sign that it lives. */
export const SIGN_OF_LIFE_MS = 20_000

/** How long a relay keeps a session of which it hears nothing: two signs of life and slack. */
export const SESSION_PATIENCE_MS = 45_000

/** How long a client tries to go on with a session: the relay has it at least as long. */
export const GIVE_UP_MS = 30_000

export function newSessionId(random: Pick<Random, 'bytes'>): string {
  return toBase64url(random.bytes(SESSION_BYTES))
}

/** @throws InvalidDataError */
export function decodeSessionId(text: unknown): string {
  if (typeof text === 'string' && SESSION_ID.test(text)) return text
  throw new InvalidDataError('not the id of a session')
}

/** First message of a WebSocket: whose it is, and how many frames the client has. @throws InvalidDataError */
export function decodeHello(text: unknown): { session: string; next: number } {
  const [session, next, ...rest] = typeof text === 'string' ? text.split(' ', 3) : []
  if (rest.length > 0) throw new InvalidDataError('not the first message of a WebSocket')
  return { session: decodeSessionId(session), next: decodeAck(next) }
}

/** How many frames the other side has. @throws InvalidDataError */
export function decodeAck(text: unknown): number {
  const number = typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : Infinity
  if (number <= MAX_SEQUENCE) return number
  throw new InvalidDataError('not a number of frames')
}

/** The last number a frame may have: 2 ** 32 frames, however short, take longer than any connection lasts. */
export const MAX_SEQUENCE = 0xffff_ffff

/** What of a request says its mode. */
export interface ModeRequest {
  /** Of the URL: `mode` or `transport`. */
  query: Readonly<Record<string, unknown>>
  headers: Readonly<Record<string, string | string[] | undefined>>
}

/** By the query, then the header, a WebSocket's upgrade, the events asked for; `binary` otherwise. @throws InvalidDataError */
export function decodeMode({ query, headers }: ModeRequest): ConnectMode {
  const named = query['mode'] ?? query['transport'] ?? headers[MODE_HEADER]
  if (named !== undefined) {
    const mode = CONNECT_MODES.find((each) => each === named)
    if (mode === undefined) throw new InvalidDataError('no such mode')
    return mode
  }
  if (String(headers['upgrade']).toLowerCase() === 'websocket') return 'ws'
  return String(headers['accept']).includes('text/event-stream') ? 'sse' : 'binary'
}
