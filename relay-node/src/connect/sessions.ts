import { ipPortToMultiaddr } from '@libp2p/utils'
import type { ComponentLogger } from '@libp2p/interface'
import { CONNECT_PATH, newSessionId, SESSION_PATIENCE_MS } from '#lib/protocol/connect/connect.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import type { Admission } from '../admission.ts'
import { SlowReaderError } from '../errors.ts'
import { CONNECT_SWEEP_MS, type CostlyLimits } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import type { Remote } from '../remote.ts'
import { ConnectSession } from './session.ts'

export interface ConnectSessionsComponents {
  clock: Clock
  random: Pick<Random, 'bytes'>
  refusals: Refusals
  admission: Admission
  costly: CostlyLimits
}

/** Who a session is handed to, once libp2p listens. */
export interface ConnectHost {
  logger: ComponentLogger
  take(session: ConnectSession): void
}

/** Sessions by their ids: each takes a connection's place while it lives, and is ended when nothing is heard of it. */
export class ConnectSessions {
  readonly #components: ConnectSessionsComponents
  readonly #sessions = new Map<string, ConnectSession>()
  #host: ConnectHost | null = null
  #cancelSweep: (() => void) | null = null

  constructor(components: ConnectSessionsComponents) {
    this.#components = components
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Sessions are taken, and handed to this host, until the returned function is called; it ends them all. */
  serve(host: ConnectHost): () => void {
    this.#host = host
    this.#sweepLater()
    return () => {
      this.#host = null
      this.#cancelSweep?.()
      for (const session of [...this.#sessions.values()]) {
        session.abort(new SlowReaderError('the relay stops'))
      }
    }
  }

  /** The id of a new session; null when there is no place for it. */
  open(remote: Remote): string | null {
    const { admission, costly, random } = this.#components
    if (this.#host === null) return null
    const leave = admission.enter(remote.address)
    if (leave === null) return null
    const id = newSessionId(random)
    const session = new ConnectSession(this.#components, {
      address: remote.address,
      remoteAddr: ipPortToMultiaddr(remote.address, remote.port).encapsulate(
        `/http/http-path/${CONNECT_PATH.slice(1)}`,
      ),
      log: this.#host.logger.forComponent('starling:connect'),
      slowReaderTimeoutMs: costly.slowReaderTimeoutMs,
      onOver: () => {
        leave()
        this.#sessions.delete(id)
      },
    })
    this.#sessions.set(id, session)
    this.#host.take(session)
    return id
  }

  get(id: string): ConnectSession | null {
    return this.#sessions.get(id) ?? null
  }

  #sweepLater(): void {
    const { clock } = this.#components
    this.#cancelSweep = clock.after(CONNECT_SWEEP_MS, () => {
      const heardOf = clock.now() - SESSION_PATIENCE_MS
      for (const session of [...this.#sessions.values()]) {
        if (session.heardAtMs >= heardOf) continue
        session.abort(new SlowReaderError(`nothing heard for ${SESSION_PATIENCE_MS} ms`))
      }
      this.#sweepLater()
    })
  }
}
