/**
 * Frames as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): data, end and reset as an
 * event whose id is the number of the frame and whose data is base64; an idle frame as a comment.
 */
import { base64pad } from 'multiformats/bases/base64'
import { InvalidDataError, LimitExceededError } from '../errors.ts'
import { decodeAck } from './connect.ts'
import { endOf, type Frame, IDLE, MAX_FRAME_BYTES, RESET } from './frames.ts'

/** Longest line: the data of the longest frame, and the name of the field. */
export const MAX_EVENT_LINE_CHARS = Math.ceil(MAX_FRAME_BYTES / 3) * 4 + 'data: '.length

/** Lines of one event: `event`, `id` and `data`. */
export const MAX_EVENT_LINES = 3

const IDLE_COMMENT = ':\n\n'

/** Other frames do not come down as events. */
export function encodeEvent({ type, number, data }: Frame): string {
  if (type === 'idle') return IDLE_COMMENT
  const text = data.byteLength === 0 ? '' : base64pad.encode(data).slice(1)
  return `event: ${type}\nid: ${number}\ndata: ${text}\n\n`
}

/** Reads events from bytes as they come; holds at most one that is not here whole. */
export class EventReader {
  readonly #utf8 = new TextDecoder()
  readonly #fields = new Map<string, string>()
  #line = ''

  /** Frames that are whole with these bytes. @throws InvalidDataError, LimitExceededError */
  push(chunk: Uint8Array): Frame[] {
    const lines = (this.#line + this.#utf8.decode(chunk, { stream: true })).split('\n')
    this.#line = lines.pop()!
    const frames = lines.flatMap((line) => this.#take(line))
    requireLine(this.#line)
    return frames
  }

  #take(line: string): Frame[] {
    requireLine(line)
    if (line === '') return this.#event()
    if (line.startsWith(':')) return [IDLE]
    const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]
    if (this.#fields.size === MAX_EVENT_LINES) throw new LimitExceededError('an event too long')
    this.#fields.set(name, value)
    return []
  }

  #event(): Frame[] {
    if (this.#fields.size === 0) return []
    const type = this.#fields.get('event')
    const number = decodeAck(this.#fields.get('id'))
    const data = decodeBase64(this.#fields.get('data') ?? '')
    this.#fields.clear()
    if (data.byteLength > MAX_FRAME_BYTES) throw new LimitExceededError('a frame too long')
    if (type === 'data' && data.byteLength > 0) return [{ type, number, data }]
    if (type === 'end' && data.byteLength === 0) return [endOf(number)]
    if (type === 'reset' && data.byteLength === 0 && number === 0) return [RESET]
    throw new InvalidDataError('no such event')
  }
}

function requireLine(line: string): void {
  if (line.length > MAX_EVENT_LINE_CHARS) throw new LimitExceededError('a line too long')
}

/** @throws InvalidDataError */
function decodeBase64(text: string): Uint8Array {
  try {
    return base64pad.decode(`M${text}`)
  } catch (cause) {
    throw new InvalidDataError('not base64', { cause })
  }
}
