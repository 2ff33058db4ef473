import type { Connection, MessageStream, Metrics, MultiaddrConnection } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import type { Clock } from '../protocol/seams.ts'
import { Pace } from './pace.ts'

/** Bytes of one connection since it opened. */
export interface Bytes {
  bytesIn: number
  bytesOut: number
}

/** What a connection carried for a while, one way or the other. */
export interface Carried {
  /** Of the connection. */
  timeline: object
  bytesPerSecond: number
}

export interface TrafficEvents {
  carried: CustomEvent<Carried>
}

/**
 * Counts what goes over each connection, by way of libp2p's hook for metrics.
 *
 * Where libp2p encrypts and multiplexes, everything is counted, the handshake included. WebRTC and WebTransport do
 * both themselves and show their streams alone: there, what the streams carry is.
 */
export class Traffic extends TypedEventEmitter<TrafficEvents> {
  readonly #clock: Clock
  /** By timeline, the one object a connection has in common with the transport's connection under it. */
  readonly #counts = new WeakMap<object, { bytes: Bytes; in: Pace; out: Pace }>()

  constructor(clock: Clock) {
    super()
    this.#clock = clock
  }

  /** To be given to libp2p. `open` are its connections. */
  metrics(open: () => readonly Connection[]): Metrics {
    return {
      ...NO_METRICS,
      trackMultiaddrConnection: (connection: MultiaddrConnection) => {
        this.#count(connection, connection.timeline)
      },
      trackProtocolStream: (stream) => {
        const connection = open().find(({ streams }) => streams.includes(stream))
        if (connection?.encryption === 'native') this.#count(stream, connection.timeline)
      },
    }
  }

  of({ timeline }: Pick<Connection, 'timeline'>): Readonly<Bytes> {
    return this.#counts.get(timeline)?.bytes ?? { bytesIn: 0, bytesOut: 0 }
  }

  /**
   * Counts on the way in and out. Listening to `message` instead would lose what arrives before the reader is there:
   * libp2p keeps it only as long as nobody listens.
   */
  #count(stream: MessageStream, timeline: object): void {
    const counts = this.#counts.get(timeline) ?? {
      bytes: { bytesIn: 0, bytesOut: 0 },
      in: new Pace(),
      out: new Pace(),
    }
    this.#counts.set(timeline, counts)
    const { bytes } = counts
    const pace = (way: 'in' | 'out', byteLength: number): void => {
      const bytesPerSecond = counts[way].add(byteLength, this.#clock.now())
      if (bytesPerSecond === null) return
      this.safeDispatchEvent('carried', { detail: { timeline, bytesPerSecond } })
    }
    const send = stream.send.bind(stream)
    const dispatch = stream.dispatchEvent.bind(stream)
    stream.send = (data) => {
      // What is sent may be emptied by sending it.
      const { byteLength } = data
      const more = send(data)
      bytes.bytesOut += byteLength
      pace('out', byteLength)
      return more
    }
    stream.dispatchEvent = (event) => {
      if (isMessage(event)) {
        const { byteLength } = event.data
        bytes.bytesIn += byteLength
        pace('in', byteLength)
      }
      return dispatch(event)
    }
  }
}

function isMessage(event: Event): event is Event & { data: { byteLength: number } } {
  return event.type === 'message'
}

/** A gauge, counter, histogram and summary that nobody reads. */
const NO_METRIC = {
  update: () => undefined,
  increment: () => undefined,
  decrement: () => undefined,
  observe: () => undefined,
  reset: () => undefined,
  timer: () => () => undefined,
}
const noMetric = (): typeof NO_METRIC => NO_METRIC

const NO_METRICS: Omit<Metrics, 'trackMultiaddrConnection' | 'trackProtocolStream'> = {
  registerMetric: noMetric,
  registerMetricGroup: noMetric,
  registerCounter: noMetric,
  registerCounterGroup: noMetric,
  registerHistogram: noMetric,
  registerHistogramGroup: noMetric,
  registerSummary: noMetric,
  registerSummaryGroup: noMetric,
  traceFunction: <F>(_name: string, traced: F): F => traced,
  createTrace: () => undefined,
}
