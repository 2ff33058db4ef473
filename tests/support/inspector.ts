import type { Browser, CDPSession } from 'playwright'

/** The inspector of one target of a browser: a page, or a worker that Playwright itself does not reach. */
export class Inspector {
  readonly #browser: CDPSession
  readonly #session: string
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #lastId = 0

  private constructor(browser: CDPSession, session: string) {
    this.#browser = browser
    this.#session = session
    // Chrome DevTools Protocol, Target domain: answers to `sendMessageToTarget` come as this event.
    browser.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId !== session) return
      const { id, result, error } = JSON.parse(message) as Answer
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(error.message))
    })
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
        return new Inspector(session, sessionId)
      }),
    )
  }

  async send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#lastId
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(id, answer)
    await this.#browser.send('Target.sendMessageToTarget', {
      sessionId: this.#session,
      message: JSON.stringify({ id, method, params }),
    })
    return (await answer.promise) as T
  }

  /** Bytes of JavaScript heap in use once the garbage is gone. */
  async heapBytes(): Promise<number> {
    await this.send('HeapProfiler.collectGarbage')
    return (await this.send<{ usedSize: number }>('Runtime.getHeapUsage')).usedSize
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
}

interface Answer {
  id: number
  result?: unknown
  error?: { message: string }
}
