import { equalBytes } from '../../protocol/codec.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { openProviderRecord, providerKeyOf, PROVIDERS } from '../../protocol/providers.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import type { Network } from '../../p2p/api.ts'
import { manifestHashOf, type ContentId } from '../content-id.ts'

/** Relays asked at once: those of a link, and mine. */
const MAX_ASKED = 8

/** Somebody who says that they have a content, and where they are met. */
export interface Provider {
  peer: PeerIdString
  /** `host[:port]` of relays. */
  relays: string[]
}

export interface FinderComponents {
  network: Pick<Network, 'askRelay'>
  clock: Clock
  log: Logger
}

/** Finds who has a content at relays, which look at others for it. */
export class Finder {
  readonly #components: FinderComponents

  constructor(components: FinderComponents) {
    this.#components = components
  }

  /** Tells of each provider as it is found; one may be told of twice. Resolves when every relay has answered. */
  async find(
    content: ContentId,
    relays: Iterable<string>,
    found: (provider: Provider) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const key = providerKeyOf(manifestHashOf(content))
    const asked = [...new Set(relays)].slice(0, MAX_ASKED)
    await Promise.all(asked.map((relay) => this.#ask(relay, key, found, signal)))
  }

  async #ask(
    relay: string,
    key: Uint8Array,
    found: (provider: Provider) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { network, clock, log } = this.#components
    try {
      const request = { type: 'find', key, scope: 'network' } as const
      const answer = await network.askRelay(relay, PROVIDERS, request, { signal })
      if (answer.type !== 'providers') return
      for (const bytes of answer.records) {
        const record = await openProviderRecord(bytes, clock.now())
        if (!equalBytes(record.key, key)) continue
        signal.throwIfAborted()
        // Who is known to a relay is mostly met there; the relay itself always is.
        found({ peer: record.peer, relays: [...new Set([relay, ...record.relays])] })
      }
    } catch (error) {
      log.debug(`${relay} named no providers: ${String(error)}`)
    }
  }
}
