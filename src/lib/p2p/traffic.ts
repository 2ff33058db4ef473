import type { Connection, MessageStream, Metrics, MultiaddrConnection } from '@libp2p/interface'

/** Bytes of one connection since it opened. */
export interface Bytes {
  bytesIn: number
  bytesOut: number
}

/**
 * Counts what goes over each connection, by way of libp2p's hook for metrics.
 *
 * Where libp2p encrypts and multiplexes, everything is counted, the handshake included. WebRTC and WebTransport do
 * both themselves and show their streams alone: there, what the streams carry is.
 */
export class Traffic {
  /** By timeline, the one object a connection has in common with the transport's connection under it. */
  readonly #bytes = new WeakMap<object, Bytes>()

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
    return this.#bytes.get(timeline) ?? { bytesIn: 0, bytesOut: 0 }
  }

  /**
   * Counts on the way in and out. Listening to `message` instead would lose what arrives before the reader is there:
   * libp2p keeps it only as long as nobody listens.
   */
  #count(stream: MessageStream, timeline: object): void {
    const bytes = this.#bytes.get(timeline) ?? { bytesIn: 0, bytesOut: 0 }
    this.#bytes.set(timeline, bytes)
    const send = stream.send.bind(stream)
    const dispatch = stream.dispatchEvent.bind(stream)
    stream.send = (data) => {
      // What is sent may be emptied by sending it.
      const { byteLength } = data
      const more = send(data)
      bytes.bytesOut += byteLength
      return more
    }
    stream.dispatchEvent = (event) => {
      if (isMessage(event)) bytes.bytesIn += event.data.byteLength
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
