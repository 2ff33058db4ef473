import { portOver, type Port } from '../rpc/port.ts'
import type { HostFinder } from './host-finder.ts'

/** How long a worker may say nothing before it is looked for anew. */
export const PATIENCE_MS = 5_000

/**
 * Finds the host in the SharedWorker of this build: workers of other builds have other names.
 *
 * A browser may connect a page to a worker that is just closing, and tell it nothing of that. So who hears nothing asks
 * for the worker again: one that is only slow gets a second line, the other is gone by then and a new one starts.
 */
export class SharedHostFinder implements HostFinder {
  readonly #url: string
  readonly #name: string
  #stale = new AbortController()

  /** @param url the host's script */
  constructor(url: string, buildId: string) {
    this.#url = url
    this.#name = `starling-${buildId}`
  }

  get stale(): AbortSignal {
    return this.#stale.signal
  }

  open(): Port {
    this.#stale = new AbortController()
    const { signal, abort } = aborter(this.#stale)
    const worker = new SharedWorker(this.#url, { name: this.#name, type: 'module' })
    worker.addEventListener('error', abort, { signal })
    const patience = setTimeout(abort, PATIENCE_MS)
    worker.port.addEventListener('message', () => {
      clearTimeout(patience)
    })
    return portOver(worker.port)
  }
}

function aborter(controller: AbortController): { signal: AbortSignal; abort: () => void } {
  return {
    signal: controller.signal,
    abort: () => {
      controller.abort(new Error('the SharedWorker did not answer'))
    },
  }
}
