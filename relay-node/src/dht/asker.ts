import { AsyncLocalStorage } from 'node:async_hooks'
import type { StreamMiddleware } from '@libp2p/interface'
import type { Clock } from '#lib/protocol/seams.ts'
import { QuotaError } from '../errors.ts'
import { MAX_DHT_REQUESTS_PER_MINUTE } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { RequestsPerMinute } from '../requests-per-minute.ts'

/**
 * Remembers for which peer the DHT is at work. kad-dht does not tell its datastore who puts a record, so
 * everything it does for a stream of a peer runs inside `middleware`, and `current` names the peer there.
 */
export class DhtAsker {
  readonly #asking = new AsyncLocalStorage<string>()
  readonly #refusals: Refusals
  readonly #requests: RequestsPerMinute

  constructor(components: { refusals: Refusals; clock: Clock }) {
    this.#refusals = components.refusals
    this.#requests = new RequestsPerMinute(components, { max: MAX_DHT_REQUESTS_PER_MINUTE })
  }

  /** For `libp2p.register(…)` of the DHT's protocol: clients open one stream for each request. */
  readonly middleware: StreamMiddleware = (stream, connection, next) => {
    const peer = connection.remotePeer.toString()
    if (!this.#requests.allow(peer)) {
      this.#refusals.count('dht-requests')
      stream.abort(new QuotaError(`more than ${MAX_DHT_REQUESTS_PER_MINUTE} DHT requests a minute`))
      return
    }
    this.#asking.run(peer, () => {
      next(stream, connection)
    })
  }

  /** The peer whose request is being worked on; `null`: the relay itself acts. */
  current(): string | null {
    return this.#asking.getStore() ?? null
  }
}
