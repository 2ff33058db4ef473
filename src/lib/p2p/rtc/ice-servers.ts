import type { Connection } from '@libp2p/interface'
import { ICE, iceUrl } from '../../protocol/ice.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import { hostOf } from '../addresses.ts'
import { askRelay } from '../ask-relay.ts'
import { UnreachableError } from '../errors.ts'
import type { Assisted } from '../rendezvous/assisted.ts'

/** Relays whose servers one connection uses: each is one more that is asked by every connection, and one may be gone. */
export const MAX_ICE_RELAYS = 2

/** How long a new connection waits for the answer of a relay that was just met, in ms: one round trip on a slow link. */
export const ICE_PATIENCE_MS = 2_000

/** How soon a relay that did not answer, or was busy, is asked again, in ms. */
export const ICE_RETRY_MS = 2 * 60_000

export interface IceServersComponents {
  clock: Clock
  log: Logger
  /** To my relays, the first of them preferred. */
  connections: () => Connection[]
}

/** As WebRTC takes them: https://www.w3.org/TR/webrtc/#rtcconfiguration-dictionary */
export interface IceServer {
  urls: string[]
  username?: string
  credential?: string
}

export interface IceConfiguration {
  iceServers: IceServer[]
}

interface Answered {
  servers: IceServer[]
  expiresAtMs: number
}

interface Known extends Answered {
  cancelRefresh: () => void
}

/** The STUN and TURN servers of my relays, with passwords that are made anew before they expire. */
export class IceServers {
  readonly #components: IceServersComponents
  /** By the relay's peer id. */
  readonly #known = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<void>>()
  #assisted: Answered | null = null
  #stopping = new AbortController()

  constructor(components: IceServersComponents) {
    this.#components = components
  }

  start(): void {
    this.#stopping = new AbortController()
  }

  stop(): void {
    this.#stopping.abort()
    for (const { cancelRefresh } of this.#known.values()) cancelRefresh()
    this.#known.clear()
    this.#assisted = null
  }

  /** Asks this relay, which is one of mine now. */
  learn(relay: string, connection = this.#connectionTo(relay)): void {
    if (this.#asking.has(relay) || this.#stopping.signal.aborted) return
    if (connection === undefined) return
    const asked = this.#ask(relay, connection, this.#stopping.signal).finally(() => {
      this.#asking.delete(relay)
    })
    this.#asking.set(relay, asked)
  }

  /** A relay was asked for help: its servers are used where no relay of mine has any. */
  hear({ ice, host }: Pick<Assisted, 'ice' | 'host'>): void {
    if (ice === null || this.#stopping.signal.aborted) return
    const expiresAtMs = this.#components.clock.now() + ice.lifeMs
    this.#assisted = { servers: serversOf(ice, host), expiresAtMs }
  }

  /** What a new connection is made with. */
  async configuration(): Promise<IceConfiguration> {
    const { clock, connections } = this.#components
    const relays = connections().map(({ remotePeer }) => remotePeer.toString())
    for (const relay of relays) {
      // A device that slept past all its timers.
      if ((this.#known.get(relay)?.expiresAtMs ?? Infinity) <= clock.now()) this.learn(relay)
    }
    if (this.#living(relays).length === 0 && this.#asking.size > 0) await this.#soon()
    // Without a server of our own there is none: public STUN servers would learn who talks to whom.
    const mine = this.#living(relays).slice(0, MAX_ICE_RELAYS).flat()
    return { iceServers: mine.length > 0 ? mine : this.#helpers() }
  }

  /** What the relay at the other end offers, which may hold no place for me; as long as nothing is known, it is asked. */
  async of(connection: Connection): Promise<readonly IceServer[]> {
    const relay = connection.remotePeer.toString()
    await this.#asking.get(relay)
    if (this.#living([relay]).length === 0) this.learn(relay, connection)
    await this.#asking.get(relay)
    return this.#living([relay]).flat()
  }

  /** Of the relay that was asked for help last. */
  #helpers(): IceServer[] {
    const { servers, expiresAtMs } = this.#assisted ?? { servers: [], expiresAtMs: 0 }
    return expiresAtMs > this.#components.clock.now() ? servers : []
  }

  #living(relays: readonly string[]): IceServer[][] {
    const nowMs = this.#components.clock.now()
    return relays.flatMap((relay) => {
      const known = this.#known.get(relay)
      return known === undefined || known.expiresAtMs <= nowMs || known.servers.length === 0
        ? []
        : [known.servers]
    })
  }

  /** Resolves with the first answer, or when patience ends. */
  #soon(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#components.clock.after(ICE_PATIENCE_MS, resolve)
      void Promise.race(this.#asking.values()).then(() => {
        cancel()
        resolve()
      })
    })
  }

  async #ask(relay: string, connection: Connection, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components
    const before = this.#known.get(relay) ?? { servers: [], expiresAtMs: 0 }
    try {
      const answer = await askRelay(connection, ICE, { type: 'servers' }, clock, signal)
      if (signal.aborted) return
      if (answer.type === 'refused') this.#keep(relay, before, ICE_RETRY_MS)
      else {
        const known = {
          servers: serversOf(answer, hostNameOf(connection)),
          expiresAtMs: clock.now() + answer.lifeMs,
        }
        this.#keep(relay, known, answer.lifeMs / 2)
      }
    } catch (error) {
      log.debug(`a relay named no STUN or TURN: ${String(error)}`)
      // One that has none does not know the question.
      const isUnknown = error instanceof Error && error.name === 'UnsupportedProtocolError'
      if (!isUnknown && !signal.aborted) this.#keep(relay, before, ICE_RETRY_MS)
    }
  }

  #keep(relay: string, { servers, expiresAtMs }: Answered, askInMs: number): void {
    this.#known.get(relay)?.cancelRefresh()
    const cancelRefresh = this.#components.clock.after(askInMs, () => {
      // One that is mine no more is asked when it is again.
      this.learn(relay)
    })
    this.#known.set(relay, { servers, expiresAtMs, cancelRefresh })
  }

  #connectionTo(relay: string): Connection | undefined {
    return this.#components.connections().find(({ remotePeer }) => remotePeer.toString() === relay)
  }
}

function serversOf(answer: NonNullable<Assisted['ice']>, host: string): IceServer[] {
  const { servers, username, password: credential } = answer
  const urls = (isStun: boolean): string[] =>
    servers
      .filter(({ scheme }) => (scheme === 'stun') === isStun)
      .map((place) => iceUrl(place, host))
  const [stun, turn] = [urls(true), urls(false)]
  return [
    ...(stun.length > 0 ? [{ urls: stun }] : []),
    ...(turn.length > 0 ? [{ urls: turn, username, credential }] : []),
  ]
}

/** The name or address by which a relay was reached, without its port. */
function hostNameOf({ remoteAddr }: Connection): string {
  const host = hostOf(remoteAddr)
  if (host === null) throw new UnreachableError('a relay at no host')
  return new URL(`http://${host}`).hostname
}
