import type { SettingsApi } from '../lib/features/settings/api.ts'
import type { P2P } from '../lib/p2p/api.ts'
import type { Logger, Startable } from '../lib/protocol/seams.ts'

export interface AddressPrivacyComponents {
  settings: Pick<SettingsApi, 'watchSettings'>
  node: Pick<P2P, 'hideAddress'>
  log: Logger
}

/** Hides this device's address from peers while the person wants that. To be started before the node. */
export class AddressPrivacy implements Startable {
  readonly #components: AddressPrivacyComponents
  #following = new AbortController()

  constructor(components: AddressPrivacyComponents) {
    this.#components = components
  }

  /** Resolves once what the person chose holds. Where that cannot be read, the address is hidden. */
  start(): Promise<void> {
    this.#following = new AbortController()
    const held = Promise.withResolvers<undefined>()
    void this.#follow(this.#following.signal, () => {
      held.resolve(undefined)
    })
    return held.promise
  }

  stop(): Promise<void> {
    this.#following.abort()
    return Promise.resolve()
  }

  async #follow(signal: AbortSignal, onHeld: () => void): Promise<void> {
    const { settings, node, log } = this.#components
    try {
      for await (const { relayOnly } of settings.watchSettings({ signal })) {
        node.hideAddress(relayOnly)
        onHeld()
      }
    } catch (error) {
      if (!signal.aborted) {
        log.error('lost sight of the settings', error)
        node.hideAddress(true)
      }
    }
    onHeld()
  }
}
