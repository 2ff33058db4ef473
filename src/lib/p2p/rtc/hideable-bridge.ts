import { TypedEventEmitter } from 'main-event'
import type { WebRtcBridge, WebRtcBridgeEvents } from '../api.ts'

/** The bridge as far as peers may have it: none is there while this device's address is hidden from them. */
export class HideableBridge extends TypedEventEmitter<WebRtcBridgeEvents> implements WebRtcBridge {
  readonly #bridge: WebRtcBridge
  #hidden = false

  constructor(bridge: WebRtcBridge) {
    super()
    this.#bridge = bridge
    bridge.addEventListener('changed', () => {
      if (!this.#hidden) this.safeDispatchEvent('changed')
    })
    bridge.addEventListener('unsteady', () => {
      this.safeDispatchEvent('unsteady')
    })
  }

  get available(): boolean {
    return !this.#hidden && this.#bridge.available
  }

  get hidden(): boolean {
    return this.#hidden
  }

  set hidden(hidden: boolean) {
    if (this.#hidden === hidden) return
    this.#hidden = hidden
    this.safeDispatchEvent('changed')
  }
}
