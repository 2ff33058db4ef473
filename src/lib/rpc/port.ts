/**
 * One end of a two-way line of structured-clone messages: a MessagePort, a worker, or a share of a
 * BroadcastChannel. What arrives is `unknown` until somebody decodes it.
 */
export interface Port {
  /** @throws DataCloneError when the message holds something that cannot be copied. */
  post(message: unknown, transfer?: Transferable[]): void
  /** Hands over what arrived so far, then everything new, until replaced by another listener. */
  listen(listener: (message: unknown) => void): void
  /** Nothing is sent or heard any more. */
  close(): void
}

/** What a MessagePort, a Worker and a worker's global scope have in common. */
interface MessageEndpoint {
  postMessage(message: unknown, transfer: Transferable[]): void
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void
  removeEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void
  start?(): void
}

/** A Port over a MessagePort or over a dedicated worker, from either side of it. */
export function portOver(endpoint: MessageEndpoint): Port {
  let current: ((event: MessageEvent<unknown>) => void) | null = null
  const forget = (): void => {
    if (current !== null) endpoint.removeEventListener('message', current)
    current = null
  }
  return {
    post(message, transfer = []) {
      endpoint.postMessage(message, transfer)
    },
    listen(listener) {
      forget()
      current = (event) => {
        listener(event.data)
      }
      endpoint.addEventListener('message', current)
      endpoint.start?.()
    },
    close() {
      forget()
      // A worker's own scope has a `close` too, which ends the worker: only ports are closed here.
      if (endpoint instanceof MessagePort) endpoint.close()
    },
  }
}
