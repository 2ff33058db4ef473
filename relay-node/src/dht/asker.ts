import { AsyncLocalStorage } from 'node:async_hooks'
import type { Stream, StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { LengthPrefixedDecoder } from '@libp2p/utils'
import type { Clock } from '#lib/protocol/seams.ts'
import { QuotaError } from '../errors.ts'
import { MAX_DHT_REQUESTS_PER_MINUTE } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { RateLimit } from '../rate-limit.ts'

/**
 * Knows for which peer the DHT is at work, and how much that peer has asked. kad-dht does not tell its datastore who
 * puts a record, so the handler it registers runs in a context that names the peer.
 */
export class DhtAsker {
  readonly #asking = new AsyncLocalStorage<string>()
  readonly #refusals: Refusals
  readonly #requests: RateLimit

  constructor(components: { refusals: Refusals; clock: Clock }) {
    this.#refusals = components.refusals
    this.#requests = new RateLimit(components, {
      max: MAX_DHT_REQUESTS_PER_MINUTE,
      windowMs: 60_000,
    })
  }

  /** The peer whose request is being worked on; `null`: the relay itself acts. */
  current(): string | null {
    return this.#asking.getStore() ?? null
  }

  /** The registrar to give to kad-dht. */
  registrar(inner: Registrar): Registrar {
    return {
      handle: (protocol: string, handler: StreamHandler, options?: StreamHandlerOptions) =>
        inner.handle(protocol, this.#naming(handler), options),
      unhandle: (...args) => inner.unhandle(...args),
      getHandler: (protocol) => inner.getHandler(protocol),
      getProtocols: () => inner.getProtocols(),
      use: (...args) => {
        inner.use(...args)
      },
      unuse: (protocol) => {
        inner.unuse(protocol)
      },
      getMiddleware: (protocol) => inner.getMiddleware(protocol),
      register: (...args) => inner.register(...args),
      unregister: (id) => {
        inner.unregister(id)
      },
      getTopologies: (protocol) => inner.getTopologies(protocol),
    }
  }

  #naming(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      const peer = connection.remotePeer.toString()
      // The first request: whoever opens a stream asks something, or takes a place for nothing.
      if (!this.#allow(peer, stream)) return undefined
      this.#countFurther(peer, stream)
      return this.#asking.run(peer, () => handler(stream, connection))
    }
  }

  /** Clients open a stream for each request; kad-dht answers as many as come on one. */
  #countFurther(peer: string, stream: Stream): void {
    const frames = new LengthPrefixedDecoder()
    let first = true
    stream.addEventListener('message', ({ data }) => {
      try {
        const requests = frames.decode(data)
        while (requests.next().done !== true) {
          if (!first && !this.#allow(peer, stream)) return
          first = false
        }
      } catch (error) {
        stream.abort(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  /** Whether this peer may ask once more; ends the stream when not. */
  #allow(peer: string, stream: Stream): boolean {
    if (this.#requests.allow(peer)) return true
    this.#refusals.count('dht-requests')
    stream.abort(new QuotaError(`more than ${MAX_DHT_REQUESTS_PER_MINUTE} DHT requests a minute`))
    return false
  }
}
