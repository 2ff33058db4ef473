import { portToHost } from '../rpc/broadcast-port.ts'
import { holdLock } from '../rpc/life-lock.ts'
import { portOver, type Port } from '../rpc/port.ts'
import { tabsChannel } from '../rpc/session.ts'
import type { HostFinder } from './host-finder.ts'

/**
 * Finds the host where there is no SharedWorker: the tab that holds a Web Lock runs it in a dedicated worker,
 * the others reach it over a BroadcastChannel. When that tab goes, the next in the lock's queue takes over.
 */
export class ElectedHostFinder implements HostFinder {
  readonly #url: string
  readonly #tab: string
  readonly #build: string
  #elected = false
  #worker: Worker | null = null
  #stale = new AbortController()

  /**
   * @param url the host's script
   * @param signal aborted when this tab no longer wants to run the host
   */
  constructor(
    url: string,
    locks: LockManager,
    init: { tab: string; build: string },
    signal: AbortSignal,
  ) {
    this.#url = url
    this.#tab = init.tab
    this.#build = init.build
    holdLock(locks, `starling-leader-${init.build}`, { wanted: signal, held: signal }).then(
      () => {
        this.#elected = true
        this.#stale.abort()
      },
      // Only `signal` takes the wish to be elected back.
      () => undefined,
    )
  }

  get stale(): AbortSignal {
    return this.#stale.signal
  }

  open(): Port {
    this.#stale = new AbortController()
    if (!this.#elected) return portToHost(tabsChannel(this.#build), this.#tab)
    this.#worker?.terminate()
    this.#worker = new Worker(this.#url, { type: 'module', name: 'starling' })
    const { signal } = this.#stale
    this.#worker.addEventListener(
      'error',
      () => {
        this.#stale.abort()
      },
      { signal },
    )
    return portOver(this.#worker)
  }
}
