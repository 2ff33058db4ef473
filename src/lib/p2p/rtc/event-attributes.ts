type Handler<E extends Event> = ((event: E) => void) | null

/**
 * An event target whose `on…` attributes work like the platform's: @libp2p/webrtc uses both ways, and relies on
 * an attribute that is set again taking the place of the one before.
 */
export class EventAttributes extends EventTarget {
  readonly #handlers = new Map<string, EventListener>()

  protected handler<E extends Event>(type: string): Handler<E> {
    return this.#handlers.get(type) ?? null
  }

  protected setHandler<E extends Event>(type: string, handler: Handler<E>): void {
    const before = this.#handlers.get(type)
    if (before !== undefined) this.removeEventListener(type, before)
    this.#handlers.delete(type)
    if (handler === null) return
    const listener = handler as EventListener
    this.#handlers.set(type, listener)
    this.addEventListener(type, listener)
  }
}
