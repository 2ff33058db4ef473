import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { StarlingError } from '#lib/protocol/errors.ts'
import { type PeerIdString, parsePeerId } from '#lib/protocol/ids.ts'
import type { Question } from '#lib/protocol/question.ts'
import type { Clock, Startable } from '#lib/protocol/seams.ts'
import { MAX_QUESTION_STREAMS, QUESTION_IDLE_MS } from './limits.ts'
import type { Refusal, Refusals } from './refusals.ts'
import { within } from './within.ts'

export interface AnswersComponents {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
  clock: Clock
  refusals: Refusals
}

export interface AnswersInit<Request, Response> {
  question: Question<Request, Response>
  /** How bytes that are no request are counted. */
  malformed: Refusal
  /** Whatever it throws ends the stream. */
  answer: (request: Request, peer: PeerIdString, connection: Connection) => Promise<Response>
}

/** Answers one kind of question, on ordinary connections only: a relayed one ends at a peer, never at a relay. */
export class Answers<Request, Response> implements Startable {
  readonly #components: AnswersComponents
  readonly #init: AnswersInit<Request, Response>
  readonly #stopping = new AbortController()

  constructor(components: AnswersComponents, init: AnswersInit<Request, Response>) {
    this.#components = components
    this.#init = init
  }

  async start(): Promise<void> {
    await this.#components.libp2p.handle(
      this.#init.question.protocol,
      (stream, connection) => {
        void this.#serve(stream, connection)
      },
      { maxInboundStreams: MAX_QUESTION_STREAMS },
    )
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#components.libp2p.unhandle(this.#init.question.protocol)
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const { question, malformed, answer } = this.#init
    const frames = lpStream(stream, { maxDataLength: question.maxRequestBytes })
    const { signal: stopping } = this.#stopping
    const { clock, refusals } = this.#components
    try {
      const peer = parsePeerId(connection.remotePeer.toString())
      while (stream.readStatus === 'readable') {
        const frame = await within(clock, QUESTION_IDLE_MS, stopping, (signal) =>
          frames.read({ signal }),
        )
        const response = await answer(question.request.decode(frame.subarray()), peer, connection)
        await within(clock, QUESTION_IDLE_MS, stopping, (signal) =>
          frames.write(question.response.encode(response), { signal }),
        )
      }
      await within(clock, QUESTION_IDLE_MS, stopping, (signal) => stream.close({ signal }))
    } catch (error) {
      if (error instanceof StarlingError) refusals.count(malformed)
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
