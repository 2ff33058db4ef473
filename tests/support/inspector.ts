import type { Browser } from 'playwright'

/** The inspector of a program that Playwright itself does not reach: a browser's worker, or a Node process. */
export class Inspector {
  readonly #wire: Wire
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #lastId = 0

  private constructor(wire: Wire) {
    this.#wire = wire
  }

  /** Of every SharedWorker of the browser, with the people whose contexts they belong to told apart by `origin`. */
  static async ofSharedWorkers(browser: Browser, origin: string): Promise<Inspector[]> {
    const session = await browser.newBrowserCDPSession()
    const { targetInfos } = await session.send('Target.getTargets', { filter: [{}] })
    const workers = targetInfos.filter(
      ({ type, url }) => type === 'shared_worker' && url.startsWith(origin),
    )
    return Promise.all(
      workers.map(async ({ targetId }) => {
        const { sessionId } = await session.send('Target.attachToTarget', {
          targetId,
          flatten: false,
        })
        const inspector = new Inspector({
          post: (message) => session.send('Target.sendMessageToTarget', { sessionId, message }),
          close: () => session.send('Target.detachFromTarget', { sessionId }),
        })
        // Chrome DevTools Protocol, Target domain: answers to `sendMessageToTarget` come as this event.
        session.on('Target.receivedMessageFromTarget', ({ sessionId: from, message }) => {
          if (from === sessionId) inspector.#receive(message)
        })
        return inspector
      }),
    )
  }

  /** @param url what Node prints when its inspector listens */
  static async ofNode(url: string): Promise<Inspector> {
    const socket = new WebSocket(url)
    const inspector = new Inspector({
      post: (message) => {
        socket.send(message)
      },
      close: () => {
        socket.close()
      },
    })
    socket.addEventListener('message', ({ data }) => {
      inspector.#receive(String(data))
    })
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return inspector
  }

  async send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#lastId
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(id, answer)
    await this.#wire.post(JSON.stringify({ id, method, params }))
    return (await answer.promise) as T
  }

  /** Bytes of JavaScript heap in use once the garbage is gone. */
  async heapBytes(): Promise<number> {
    await this.send('HeapProfiler.collectGarbage')
    return (await this.send<{ usedSize: number }>('Runtime.getHeapUsage')).usedSize
  }

  /** Bytes in use once the garbage is gone: of the JavaScript heap, and of the buffers its objects stand for. */
  async heldBytes(): Promise<number> {
    await this.send('HeapProfiler.collectGarbage')
    return await this.memoryBytes()
  }

  /** Bytes in use now, garbage included: of the JavaScript heap, and of the buffers its objects stand for. */
  async memoryBytes(): Promise<number> {
    const { usedSize, backingStorageSize } = await this.send<{
      usedSize: number
      backingStorageSize: number
    }>('Runtime.getHeapUsage')
    return usedSize + backingStorageSize
  }

  /** How many objects of this class are alive. */
  async countObjects(className: string): Promise<number> {
    const { result } = await this.send<{ result: { objectId?: string } }>('Runtime.evaluate', {
      expression: `globalThis.${className}?.prototype`,
    })
    if (result.objectId === undefined) return 0
    const { objects } = await this.send<{ objects: { objectId: string; description: string } }>(
      'Runtime.queryObjects',
      { prototypeObjectId: result.objectId, objectGroup: 'count' },
    )
    const { result: length } = await this.send<{ result: { value: number } }>(
      'Runtime.callFunctionOn',
      { objectId: objects.objectId, functionDeclaration: 'function () { return this.length }' },
    )
    await this.send('Runtime.releaseObjectGroup', { objectGroup: 'count' })
    return length.value
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result } = await this.send<{ result: { value: T } }>('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })
    return result.value
  }

  async close(): Promise<void> {
    await this.#wire.close()
  }

  #receive(message: string): void {
    const { id, result, error } = JSON.parse(message) as Answer
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error.message))
  }
}

/** Carries messages of the Chrome DevTools Protocol to one target. */
interface Wire {
  post(message: string): unknown
  close(): unknown
}

interface Answer {
  id: number
  result?: unknown
  error?: { message: string }
}
