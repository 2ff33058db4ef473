import {
  DOWNLOAD_PATH,
  pageLock,
  serviceWorkerLock,
  STAY_AWAKE,
  type BeginDownload,
  type FromPage,
  type FromServiceWorker,
} from './download-messages.ts'
import type { Saving } from './saving.ts'

/** How long the browser may take to ask for the first piece, ms: one that does not, does not let frames download. */
const BEGIN_TIMEOUT_MS = 5_000

/** A service worker that hears nothing is ended after 30 s. */
const STAY_AWAKE_MS = 10_000

/**
 * Writes a file to the browser's downloads as it comes, through the service worker: nothing of it is kept in memory.
 * Null where there is no service worker, or none that does this.
 * @param bytes how long it will be; null where that is not known
 */
export async function beginDownload(name: string, bytes: number | null): Promise<Saving | null> {
  if (!('serviceWorker' in navigator)) return null
  const worker = (await navigator.serviceWorker.getRegistration())?.active ?? null
  if (worker === null) return null
  const download = new Download(worker)
  if (await download.begin(name, bytes)) return download
  await download.drop()
  return null
}

class Download implements Saving {
  readonly byPress = false
  readonly #worker: ServiceWorker
  readonly #id = crypto.randomUUID()
  readonly #frame = document.createElement('iframe')
  readonly #port: MessagePort
  readonly #portOfWorker: MessagePort
  readonly #ended = new AbortController()
  /** Resolves when the browser takes another piece; rejects when it takes none any more. */
  #wanted = Promise.withResolvers<undefined>()
  readonly #kept = Promise.withResolvers<undefined>()

  constructor(worker: ServiceWorker) {
    this.#worker = worker
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#portOfWorker = port2
    this.#frame.hidden = true
    port1.onmessage = ({ data }: MessageEvent<FromServiceWorker>) => {
      this.#hear(data)
    }
  }

  /** False when the service worker, or the browser, does not take it up. */
  async begin(name: string, bytes: number | null): Promise<boolean> {
    await this.#live()
    const begin: BeginDownload = { download: this.#id, name, bytes }
    this.#worker.postMessage(begin, [this.#portOfWorker])
    const timer = setTimeout(() => {
      this.#fail(new DOMException('no download begins', 'TimeoutError'))
    }, BEGIN_TIMEOUT_MS)
    try {
      await this.#wanted.promise
      return true
    } catch {
      return false
    } finally {
      clearTimeout(timer)
    }
  }

  async write(piece: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#wanted.promise
    this.#wanted = Promise.withResolvers()
    this.#mind(this.#wanted)
    this.#say(piece)
  }

  async keep(): Promise<boolean> {
    await this.#wanted.promise
    this.#say('end')
    await this.#kept.promise
    return true
  }

  drop(): Promise<void> {
    if (!this.#ended.signal.aborted) this.#say('drop')
    this.#end()
    return Promise.resolve()
  }

  /** Holds what tells the service worker that this page lives. */
  async #live(): Promise<void> {
    this.#mind(this.#wanted)
    this.#mind(this.#kept)
    const held = Promise.withResolvers<undefined>()
    void navigator.locks.request(pageLock(this.#id), () => {
      held.resolve(undefined)
      return new Promise<void>((resolve) => {
        this.#ended.signal.addEventListener('abort', () => {
          resolve()
        })
      })
    })
    await held.promise
    const timer = setInterval(() => {
      this.#worker.postMessage(STAY_AWAKE)
    }, STAY_AWAKE_MS)
    this.#ended.signal.addEventListener('abort', () => {
      clearInterval(timer)
      this.#frame.remove()
    })
  }

  #hear(word: FromServiceWorker): void {
    switch (word) {
      case 'ready':
        this.#watchWorker()
        this.#frame.src = `${DOWNLOAD_PATH}${this.#id}`
        document.body.append(this.#frame)
        return
      case 'more':
        this.#wanted.resolve(undefined)
        return
      case 'kept':
        this.#kept.resolve(undefined)
        this.#end()
        return
      case 'stopped':
        this.#fail(new DOMException('the download was ended', 'AbortError'))
    }
  }

  #watchWorker(): void {
    const { signal } = this.#ended
    navigator.locks
      .request(serviceWorkerLock(this.#id), { signal }, () => {
        this.#fail(new DOMException('the service worker is gone', 'NetworkError'))
      })
      // It has come to its end first.
      .catch(() => undefined)
  }

  #fail(reason: DOMException): void {
    this.#wanted.reject(reason)
    // What comes next waits for that as well.
    this.#wanted = Promise.withResolvers()
    this.#mind(this.#wanted)
    this.#wanted.reject(reason)
    this.#kept.reject(reason)
    this.#end()
  }

  #end(): void {
    this.#ended.abort()
    this.#port.close()
  }

  #say(word: FromPage): void {
    this.#port.postMessage(word)
  }

  /** A rejection that nobody waits for yet is told to whoever waits next. */
  #mind({ promise }: PromiseWithResolvers<undefined>): void {
    promise.catch(() => undefined)
  }
}
