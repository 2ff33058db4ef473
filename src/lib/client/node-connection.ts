import { check } from '../protocol/check.ts'
import { RpcClient } from '../rpc/client.ts'
import { HostGoneError, VersionMismatchError, type ErrorClasses } from '../rpc/errors.ts'
import { holdLock, lockReleased } from '../rpc/life-lock.ts'
import {
  fromHostSchema,
  hostLock,
  tabLock,
  type FromHost,
  type FromTab,
  type LeaveReason,
} from '../rpc/session.ts'
import { CONTRACT_VERSION, NODE_METHODS, type NodeApi } from './contract.ts'
import type { HostFinder } from './host-finder.ts'
import { WatchableState, type Watchable } from './watchable.ts'

/**
 * How a tab stands with the node host. `replaced`: a newer version runs, this page has to be loaded again;
 * `locked`: so has this, and asks for the passphrase; `erased`: everything was deleted, and so does this; `failed`: the
 * host does not start.
 */
export type NodeStatus = 'connecting' | 'ready' | 'replaced' | 'locked' | 'erased' | 'failed'

export interface NodeClient {
  /** What the host offers. While there is no host, calls and watches wait for one. */
  readonly api: NodeApi
  readonly status: Watchable<NodeStatus>
}

export interface NodeClientComponents {
  finder: HostFinder
  locks: LockManager
  errors: ErrorClasses
  /** The tab's half of the WebRTC bridge. */
  bridge: TabBridge
}

/** Serves the host what only a tab has. */
export interface TabBridge {
  readonly webrtc: boolean
  /** Serves this host until `gone`. */
  serve(
    post: (message: unknown, transfer?: Transferable[]) => void,
    gone: AbortSignal,
  ): (message: unknown) => void
}

export interface NodeClientInit {
  /** Id of this tab: any unique text of at most 64 characters. */
  tab: string
  build: string
}

/** What ended a line to a host. */
type Ending = LeaveReason | 'gone' | 'mismatch'

/** Keeps this tab connected to the node host of this browser, whichever tab or worker runs it. */
export class NodeConnection implements NodeClient {
  readonly api: NodeApi
  readonly #components: NodeClientComponents
  readonly #init: NodeClientInit
  readonly #rpc: RpcClient
  readonly #status = new WatchableState<NodeStatus>('connecting')
  readonly #closed = new AbortController()
  #post: ((message: FromTab) => void) | null = null

  constructor(components: NodeClientComponents, init: NodeClientInit) {
    this.#components = components
    this.#init = init
    this.#rpc = new RpcClient(components.errors)
    this.api = this.#rpc.api(NODE_METHODS)
  }

  get status(): Watchable<NodeStatus> {
    return this.#status
  }

  /** Connects, and again whenever the host is gone; resolves when this is over, as `status` tells, or closed. */
  async run(): Promise<void> {
    const { locks } = this.#components
    const { signal } = this.#closed
    await holdLock(locks, tabLock(this.#init.tab), { wanted: signal, held: signal })
    for (;;) {
      const ending = await this.#serveOne()
      if (signal.aborted) return
      if (ending !== 'gone') {
        this.#rpc.close(
          ending === 'mismatch'
            ? new VersionMismatchError('this page and the host are of different versions')
            : new HostGoneError(`the host has left: ${ending}`),
        )
        this.#status.set(ending === 'mismatch' ? 'replaced' : ending)
        return
      }
      this.#rpc.detach(new HostGoneError('the host is gone'))
      this.#status.set('connecting')
    }
  }

  /** The tab came to the front or went behind. */
  setVisible(visible: boolean): void {
    this.#post?.({ lane: 'visible', visible })
  }

  /** The page goes away. Peers notice at once, because its WebRTC connections are closed and not just dropped. */
  close(): void {
    this.#post?.({ lane: 'bye' })
    this.#closed.abort()
  }

  /** One host, from the hello to its end. */
  async #serveOne(): Promise<Ending> {
    const { finder, locks, bridge } = this.#components
    const port = finder.open()
    const { promise: ended, resolve: end } = Promise.withResolvers<Ending>()
    const gone = new AbortController()
    finder.stale.addEventListener('abort', () => {
      end('gone')
    })
    this.#closed.signal.addEventListener(
      'abort',
      () => {
        gone.abort()
        end('gone')
      },
      { signal: gone.signal },
    )
    const post = (message: FromTab, transfer?: Transferable[]): void => {
      if (!gone.signal.aborted) port.post(message, transfer)
    }
    let onRtc: ((message: unknown) => void) | null = null
    port.listen((raw) => {
      const message = check(fromHostSchema, raw)
      switch (message.lane) {
        case 'up':
          this.#sayHello(post)
          return
        case 'hello':
          if (onRtc !== null) return
          if (!this.#fits(message)) {
            end('mismatch')
            return
          }
          onRtc = bridge.serve((inner, transfer) => {
            post({ lane: 'rtc', message: inner }, transfer)
          }, gone.signal)
          this.#attach(post)
          lockReleased(locks, hostLock(message.host), gone.signal).then(
            () => {
              end('gone')
            },
            // Taken back below, once something else ended this line.
            () => undefined,
          )
          return
        case 'rpc':
          this.#rpc.receive(message.message)
          return
        case 'rtc':
          onRtc?.(message.message)
          return
        case 'leaving':
          end(message.reason)
      }
    })
    this.#sayHello(post)
    try {
      return await ended
    } finally {
      this.#post = null
      gone.abort()
      port.close()
    }
  }

  #attach(post: (message: FromTab) => void): void {
    this.#post = post
    this.#rpc.attach((message) => {
      post({ lane: 'rpc', message })
    })
    this.#status.set('ready')
  }

  #sayHello(post: (message: FromTab) => void): void {
    post({
      lane: 'hello',
      tab: this.#init.tab,
      contract: CONTRACT_VERSION,
      build: this.#init.build,
      webrtc: this.#components.bridge.webrtc,
      visible: document.visibilityState === 'visible',
    })
  }

  #fits({ contract, build }: Extract<FromHost, { lane: 'hello' }>): boolean {
    return contract === CONTRACT_VERSION && build === this.#init.build
  }
}
