import { portOver, type Port } from '../rpc/port.ts'
import type { HostFinder } from './host-finder.ts'
import { hostUrl } from './host-url.ts'

/** Finds the host in the SharedWorker of this build: workers of other builds have other names. */
export class SharedHostFinder implements HostFinder {
  readonly #name: string
  #stale = new AbortController()

  constructor(buildId: string) {
    this.#name = `starling-${buildId}`
  }

  get stale(): AbortSignal {
    return this.#stale.signal
  }

  open(): Port {
    this.#stale = new AbortController()
    const { signal, abort } = aborter(this.#stale)
    const worker = new SharedWorker(hostUrl, { name: this.#name, type: 'module' })
    worker.addEventListener('error', abort, { signal })
    return portOver(worker.port)
  }
}

function aborter(controller: AbortController): { signal: AbortSignal; abort: () => void } {
  return {
    signal: controller.signal,
    abort: () => {
      controller.abort(new Error('the SharedWorker did not start'))
    },
  }
}
