/** Frames over requests: each down in an answer, each up in a POST. */
import {
  ACK_HEADER,
  type ConnectMode,
  decodeSessionId,
  IDLE_MS,
  MAX_QUEUE_BYTES,
  MODE_HEADER,
  POLL_MS,
  SESSION_HEADER,
} from '../../protocol/connect/connect.ts'
import { EventReader } from '../../protocol/connect/events.ts'
import {
  decodeFrames,
  encodeFrames,
  type Frame,
  FRAME_HEADER_BYTES,
  FrameReader,
  MAX_ANSWER_BYTES,
} from '../../protocol/connect/frames.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import type { Clock } from '../../protocol/seams.ts'
import { NoAnswerError, SessionOverError, UnreachableError } from '../errors.ts'

/** Longest silence: an idle frame, or a complete answer, was due long before. */
export const STALL_MS = Math.max(IDLE_MS, POLL_MS) + 10_000

/** Bounds of `firstFrameMs`. */
const FIRST_FRAME_MS = { least: 1_500, most: 4_000 }

/**
 * How long the first bytes of an answer without an end may take, ms: four times as long as the last request took, which waited behind
 * whatever fills the line, too, within bounds. A proxy that gathers answers lets none through.
 */
export function firstFrameMs(requestMs: number): number {
  return Math.min(FIRST_FRAME_MS.most, Math.max(FIRST_FRAME_MS.least, 4 * requestMs))
}

/** One POST: the relay holds it for up to 10 s while it does not read. */
export const POST_TIMEOUT_MS = 20_000

/** How frames of one session travel. */
export interface Carrier {
  /** Whether frames come as they are sent; otherwise a whole answer at a time, which acknowledges what came before. */
  readonly streams: boolean
  /**
   * Frames from this number on, until the way breaks. To be called again then.
   * @param firstMs how long an answer without an end may take to begin
   * @throws SessionOverError
   * @throws NoAnswerError when nothing comes for too long
   */
  down(next: number, signal: AbortSignal, firstMs: number): AsyncGenerator<Frame, void>
  /** Brings frames up; resolves with how many the relay has. @throws SessionOverError */
  up(frames: readonly Frame[], signal: AbortSignal): Promise<number>
}

export interface HttpCarrierInit {
  /** Of the relay's /connect. */
  url: string
  session: string
  mode: Exclude<ConnectMode, 'ws'>
}

const BYTES = 'application/octet-stream'

/** Opens a session; resolves with its id. @throws UnreachableError, InvalidDataError */
export async function beginSession(url: string, signal?: AbortSignal): Promise<string> {
  const response = await fetch(url, { ...PLAIN, method: 'POST', signal: signal ?? null })
  if (response.status !== 201) {
    await response.body?.cancel()
    throw new UnreachableError(`no session over HTTP: ${response.status}`)
  }
  return decodeSessionId(new TextDecoder().decode(await bodyOf(response, MAX_ID_BYTES)))
}

const MAX_ID_BYTES = 64

/** Nothing of this browser goes along, and nothing comes from its cache. */
const PLAIN: RequestInit = {
  credentials: 'omit',
  cache: 'no-store',
  redirect: 'error',
  referrerPolicy: 'no-referrer',
}

export class HttpCarrier implements Carrier {
  readonly streams: boolean
  readonly #clock: Clock
  readonly #init: HttpCarrierInit

  constructor(components: { clock: Clock }, init: HttpCarrierInit) {
    this.#clock = components.clock
    this.#init = init
    this.streams = init.mode !== 'longpoll'
  }

  async *down(next: number, signal: AbortSignal, firstMs: number): AsyncGenerator<Frame, void> {
    const { url, session, mode } = this.#init
    const request = new AbortController()
    const abort = (): void => {
      request.abort()
    }
    const late = (): void => {
      request.abort(new NoAnswerError('nothing comes down'))
    }
    signal.addEventListener('abort', abort)
    let cancel = this.#clock.after(this.streams ? firstMs : STALL_MS, late)
    try {
      signal.throwIfAborted()
      const response = await fetch(`${url}?mode=${mode}`, {
        ...PLAIN,
        signal: request.signal,
        headers: {
          [SESSION_HEADER]: session,
          [ACK_HEADER]: String(next),
          [MODE_HEADER]: mode,
          ...(mode === 'sse' ? { accept: 'text/event-stream' } : {}),
        },
      })
      requireOk(response)
      const reader = mode === 'sse' ? new EventReader() : new FrameReader()
      const body = response.body!.getReader()
      let bytes = 0
      for (;;) {
        const { done, value } = await body.read()
        cancel()
        if (done) return
        bytes += value.byteLength
        if (mode === 'longpoll' && bytes > MAX_POLL_BYTES) throw new LimitExceededError('too long')
        yield* reader.push(value)
        cancel = this.#clock.after(STALL_MS, late)
      }
    } catch (error) {
      // Chromium ends a body that is being read with an error of its own.
      throw request.signal.reason instanceof NoAnswerError ? request.signal.reason : error
    } finally {
      cancel()
      signal.removeEventListener('abort', abort)
      abort()
    }
  }

  async up(frames: readonly Frame[], signal: AbortSignal): Promise<number> {
    const { url, session } = this.#init
    const limit = new AbortController()
    const cancel = this.#clock.after(POST_TIMEOUT_MS, () => {
      limit.abort()
    })
    try {
      const response = await fetch(url, {
        ...PLAIN,
        method: 'POST',
        signal: AbortSignal.any([signal, limit.signal]),
        headers: { 'content-type': BYTES, [SESSION_HEADER]: session },
        body: encodeFrames(frames),
      })
      requireOk(response)
      const [ack] = decodeFrames(await bodyOf(response, MAX_ANSWER_BYTES))
      if (ack?.type !== 'ack') throw new InvalidDataError('no acknowledgement')
      return ack.number
    } finally {
      cancel()
    }
  }
}

/** Longest complete answer: a full queue, the end after it, and that the session is over. */
const MAX_POLL_BYTES = MAX_QUEUE_BYTES + 2 * FRAME_HEADER_BYTES

/** @throws SessionOverError, UnreachableError */
function requireOk(response: Response): void {
  if (response.status === 200) return
  response.body?.cancel().catch(() => undefined)
  if (response.status === 404) throw new SessionOverError('the relay does not know the session')
  throw new UnreachableError(`answered with ${response.status}`)
}

/** @throws LimitExceededError */
async function bodyOf(response: Response, maxBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(maxBytes)
  let length = 0
  for await (const chunk of response.body!) {
    if (length + chunk.byteLength > maxBytes) throw new LimitExceededError('an answer too long')
    bytes.set(chunk, length)
    length += chunk.byteLength
  }
  return bytes.subarray(0, length)
}
