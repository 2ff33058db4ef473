import { CONTRACT_VERSION, NODE_METHODS, type NodeApi } from '../lib/client/contract.ts'
import type { Pages } from '../lib/p2p/pages.ts'
import type { RtcBridge, RtcTab } from '../lib/p2p/rtc/rtc-bridge.ts'
import { check } from '../lib/protocol/check.ts'
import type { Logger } from '../lib/protocol/seams.ts'
import { lockReleased } from '../lib/rpc/life-lock.ts'
import type { Port } from '../lib/rpc/port.ts'
import { RpcServer, type Promised } from '../lib/rpc/server.ts'
import {
  fromTabSchema,
  tabLock,
  type FromHost,
  type FromTab,
  type LeaveReason,
} from '../lib/rpc/session.ts'

type Hello = Extract<FromTab, { lane: 'hello' }>

/** A tab that said hello. */
type AttachedTab = RtcTab & { visible: boolean }

export interface TabSessionComponents {
  locks: LockManager
  log: Logger
  bridge: RtcBridge
  pages: Pages
}

export interface TabSessionInit {
  port: Port
  /** The id of this host. */
  host: string
  /** Resolves once the host holds its lock: a tab that has been greeted waits for it. */
  alive: Promise<void>
  build: string
  api: Promised<NodeApi>
  onGone(): void
}

/**
 * One tab, from its hello until it is gone. A tab that says something out of shape is not listened to for that
 * message; a tab of another build is told the versions and nothing else.
 */
export class TabSession {
  readonly #components: TabSessionComponents
  readonly #init: TabSessionInit
  readonly #rpc: RpcServer<NodeApi>
  readonly #ended = new AbortController()
  #tab: AttachedTab | null = null

  constructor(components: TabSessionComponents, init: TabSessionInit) {
    this.#components = components
    this.#init = init
    this.#rpc = new RpcServer({
      api: init.api,
      methods: NODE_METHODS,
      post: (message, given) => {
        this.#post({ lane: 'rpc', message }, given)
      },
      log: components.log,
    })
    init.port.listen((message) => {
      this.#receive(message)
    })
  }

  /** Tells the tab that the host ends. */
  leave(reason: LeaveReason): void {
    this.#post({ lane: 'leaving', reason })
    this.close()
  }

  close(): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort()
    this.#rpc.close()
    if (this.#tab !== null) this.#components.bridge.remove(this.#tab)
    this.#components.pages.see(this, false)
    this.#tab = null
    this.#init.port.close()
    this.#init.onGone()
  }

  #receive(raw: unknown): void {
    const { log, bridge, pages } = this.#components
    try {
      const message = check(fromTabSchema, raw)
      if (message.lane === 'hello') {
        void this.#greet(message)
        return
      }
      if (message.lane === 'bye') {
        // Also without a hello: over a shared channel, the last word of a dead tab opens a session of its own.
        this.close()
        return
      }
      if (this.#tab === null) return
      switch (message.lane) {
        case 'rpc':
          this.#rpc.receive(message.message)
          return
        case 'rtc':
          bridge.receive(this.#tab, message.message)
          return
        case 'visible':
          this.#tab.visible = message.visible
          pages.see(this, message.visible)
      }
    } catch (error) {
      log.warn(`message of a tab refused: ${String(error)}`)
    }
  }

  async #greet({ tab: id, contract, build, webrtc, visible }: Hello): Promise<void> {
    const { locks, bridge, pages } = this.#components
    await this.#init.alive
    if (this.#ended.signal.aborted) return
    this.#post({
      lane: 'hello',
      host: this.#init.host,
      contract: CONTRACT_VERSION,
      build: this.#init.build,
    })
    if (contract !== CONTRACT_VERSION || build !== this.#init.build || this.#tab !== null) return
    this.#tab = {
      id,
      webrtc,
      visible,
      post: (message, transfer) => {
        this.#post({ lane: 'rtc', message }, transfer)
      },
    }
    bridge.add(this.#tab)
    pages.see(this, visible)
    lockReleased(locks, tabLock(id), this.#ended.signal).then(
      () => {
        this.close()
      },
      // Only the end of this session takes the wish for the lock back.
      () => undefined,
    )
  }

  #post(message: FromHost, transfer?: Transferable[]): void {
    if (!this.#ended.signal.aborted) this.#init.port.post(message, transfer)
  }
}
