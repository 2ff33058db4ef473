import { TypedEventEmitter } from 'main-event'
import { MAX_CONNECTIONS, type ConnectionConfig } from '../../protocol/rtc-messages.ts'
import { BridgeTab } from './bridge-tab.ts'
import {
  BridgedIceCandidate,
  BridgedPeerConnection,
  BridgedSessionDescription,
} from './peer-connection.ts'

/** A tab as the bridge needs it: where it is visible it is least likely to be frozen. */
export interface RtcTab {
  readonly id: string
  /** Whether it has RTCPeerConnection. */
  readonly webrtc: boolean
  readonly visible: boolean
  post(message: unknown, transfer?: Transferable[]): void
}

export interface RtcBridgeEvents {
  /** `available` changed, or another tab took over and connections must be made again. */
  changed: CustomEvent
  /** A connection lost its way to the peer, maybe for a moment only. */
  unsteady: CustomEvent
}

/**
 * Gives a worker WebRTC by way of the tabs it serves.
 *
 * New connections are made in one tab: the one that holds connections already, else a visible one, else the
 * oldest. When that tab goes, its connections are closed at once and the next one is made in another tab.
 */
export class RtcBridge extends TypedEventEmitter<RtcBridgeEvents> {
  readonly #tabs = new Map<string, { tab: RtcTab; bridge: BridgeTab }>()

  /** Whether some tab can hold WebRTC connections. */
  get available(): boolean {
    return this.#tabs.size > 0
  }

  /** Puts the stand-ins where @libp2p/webrtc looks for the platform's. To be called before it is imported. */
  install(scope: object): void {
    const choose = (): BridgeTab | null => this.#choose()
    Object.assign(scope, {
      RTCPeerConnection: class extends BridgedPeerConnection {
        constructor(config?: ConnectionConfig) {
          super(choose(), config)
        }
      },
      RTCSessionDescription: BridgedSessionDescription,
      RTCIceCandidate: BridgedIceCandidate,
    })
  }

  add(tab: RtcTab): void {
    const before = this.#tabs.get(tab.id)
    if (before !== undefined) this.remove(before.tab)
    if (!tab.webrtc) return
    const bridge = new BridgeTab(
      (message, transfer) => {
        tab.post(message, transfer)
      },
      () => {
        this.safeDispatchEvent('unsteady')
      },
    )
    this.#tabs.set(tab.id, { tab, bridge })
    if (this.#tabs.size === 1) this.#changed()
  }

  /** @throws InvalidDataError when the message is not one of the protocol's. */
  receive(tab: RtcTab, message: unknown): void {
    this.#entryOf(tab)?.bridge.receive(message)
  }

  remove(tab: RtcTab): void {
    const entry = this.#entryOf(tab)
    if (entry === undefined) return
    this.#tabs.delete(tab.id)
    const held = entry.bridge.connectionCount > 0
    entry.bridge.end()
    if (held || this.#tabs.size === 0) this.#changed()
  }

  /** Of this very tab: another may have come back by the same id before the first was seen to go. */
  #entryOf(tab: RtcTab): { tab: RtcTab; bridge: BridgeTab } | undefined {
    const entry = this.#tabs.get(tab.id)
    return entry?.tab === tab ? entry : undefined
  }

  /** Null when no tab has WebRTC and room for one more. */
  #choose(): BridgeTab | null {
    const roomy = [...this.#tabs.values()].filter(
      ({ bridge }) => bridge.connectionCount < MAX_CONNECTIONS,
    )
    const chosen =
      roomy.find(({ bridge }) => bridge.connectionCount > 0) ??
      roomy.find(({ tab }) => tab.visible) ??
      roomy[0]
    return chosen?.bridge ?? null
  }

  #changed(): void {
    this.safeDispatchEvent('changed')
  }
}
