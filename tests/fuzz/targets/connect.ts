import { multiaddr } from '@multiformats/multiaddr'
import { decodeConnectAddress } from '#lib/protocol/connect/addresses.ts'
import * as connect from '#lib/protocol/connect/connect.ts'
import { encodeEvent, EventReader } from '#lib/protocol/connect/events.ts'
import * as frames from '#lib/protocol/connect/frames.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { MAX_ADDRESS_CHARS } from '../../../src/lib/p2p/addresses.ts'
import { bytesTarget, requireSame, type Target, textTarget, valueTarget } from '../target.ts'

const FILE = 'src/lib/protocol/connect'

const SESSION = 'a'.repeat(32)

const samples: frames.Frame[] = [
  { type: 'data', number: 0, data: new Uint8Array(300).fill(7) },
  { type: 'data', number: 1, data: Uint8Array.of(1) },
  frames.ackOf(9),
  frames.IDLE,
  frames.endOf(2),
  frames.RESET,
]

/** What /connect reads, on both sides. */
export function connectTargets(): Target[] {
  const bodies = [
    frames.encodeFrames(samples),
    ...samples.map((each) => frames.encodeFrames([each])),
  ]
  const events = new TextEncoder().encode(
    samples
      .filter(({ type }) => ['data', 'end', 'idle'].includes(type))
      .map(encodeEvent)
      .join(''),
  )
  return [
    bytesTarget('frames of /connect', [`${FILE}/frames.ts#decodeFrames`], bodies, (input) => {
      requireSame(frames.encodeFrames(frames.decodeFrames(input)), input)
    }),
    bytesTarget('frames of /connect in two parts', [], bodies, (input) => {
      const reader = new frames.FrameReader()
      const cut = Math.floor(input.byteLength / 3)
      const taken = [...reader.push(input.subarray(0, cut)), ...reader.push(input.subarray(cut))]
      const whole = input.byteLength - reader.waiting
      requireSame(frames.encodeFrames(taken), input.subarray(0, whole))
    }),
    bytesTarget('events of /connect', [], [events], (input) => {
      const reader = new EventReader()
      const cut = Math.floor(input.byteLength / 3)
      reader.push(input.subarray(0, cut))
      reader.push(input.subarray(cut))
    }),
    textTarget('session of /connect', [`${FILE}/connect.ts#decodeSessionId`], [SESSION], (input) =>
      connect.decodeSessionId(input),
    ),
    textTarget('count of /connect', [`${FILE}/connect.ts#decodeAck`], ['0', '17'], (input) =>
      connect.decodeAck(input),
    ),
    textTarget(
      'first message of a WebSocket of /connect',
      [`${FILE}/connect.ts#decodeHello`],
      [`${SESSION} 17`],
      (input) => connect.decodeHello(input),
    ),
    valueTarget(
      'mode of /connect',
      [`${FILE}/connect.ts#decodeMode`],
      [
        { query: { mode: 'sse' }, headers: {} },
        { query: {}, headers: { accept: 'text/event-stream', upgrade: 'websocket' } },
      ],
      (input) => {
        // The HTTP server makes both of them, of whatever a request says.
        const [query, headers] = [fieldsOf(input, 'query'), fieldsOf(input, 'headers')]
        connect.decodeMode({ query, headers: headers })
      },
    ),
    textTarget(
      'address of /connect',
      [`${FILE}/addresses.ts#decodeConnectAddress`],
      ['/dns/relay.example/tcp/443/tls/http/http-path/connect%2Fsse', '/ip6/::1/tcp/80/http'],
      (input) => decodeConnectAddress(parsed(input)),
    ),
  ]
}

/** Fields as a server gives them: texts, or several of one name. */
function fieldsOf(input: unknown, name: string): Record<string, string | string[]> {
  const fields: unknown = (input as Record<string, unknown> | null | undefined)?.[name]
  if (typeof fields !== 'object' || fields === null) return {}
  const texts = Object.entries(fields).filter(
    ([, value]) =>
      typeof value === 'string' ||
      (Array.isArray(value) && value.every((each) => typeof each === 'string')),
  )
  return Object.fromEntries(texts)
}

/** What is no multiaddr at all is told so by the library, with errors of its own. */
function parsed(text: string): ReturnType<typeof multiaddr> {
  // Nobody reads a longer one.
  if (text.length > MAX_ADDRESS_CHARS) throw new InvalidDataError('too long')
  try {
    return multiaddr(text)
  } catch (cause) {
    throw new InvalidDataError('not a multiaddr', { cause })
  }
}
