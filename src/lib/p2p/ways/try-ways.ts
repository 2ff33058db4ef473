import type { Connection, Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { CONNECT_MODES } from '../../protocol/connect/connect.ts'
import type { Clock } from '../../protocol/seams.ts'
import { type RelayAddress, overHttp, transportOf } from '../addresses.ts'
import type { Way, WayTried } from '../api.ts'
import { NoAnswerError } from '../errors.ts'
import type { Pinger } from '../ping.ts'
import type { IceServer } from '../rtc/ice-servers.ts'

/** Relays whose ways are tried: who has more knows from these what the network lets through. */
export const MAX_RELAYS_TRIED = 3

/** Addresses of one relay's WebTransport that are tried: a relay may announce any number. */
export const MAX_WEBTRANSPORT_TRIED = 4

/** One way to a relay may take so long, from the dial to the answer to a ping, in ms. */
export const WAY_TIMEOUT_MS = 12_000

/** A relay of mine, and what it says of itself: asked once the ways to it were tried. */
export interface TriedRelay {
  address: RelayAddress
  /** Where it has WebTransport, with its peer id: it says so itself, whoever it is connected to. */
  webTransport: () => Promise<readonly Multiaddr[]>
  iceServers: () => Promise<readonly IceServer[]>
}

export interface WaysComponents {
  /** A connection of its own to this relay, beside those there are: nothing moves to it. */
  dial: (relay: RelayAddress, addresses: Multiaddr[], signal: AbortSignal) => Promise<Connection>
  /** It is needed no more. */
  release: (connection: Connection) => void
  pinger: Pick<Pinger, 'ping'>
  /** How long the server takes to answer, in ms. */
  probe: (server: IceServer, signal: AbortSignal) => Promise<number>
  clock: Clock
}

interface Attempt {
  tried: WayTried
  /** Resolves with the latency, in ms. */
  run: (signal: AbortSignal) => Promise<number>
}

/**
 * Tries every way there is through the network this device is on, live: each way of reaching each relay by a connection of
 * its own, up to the answer to a ping, and then each STUN and TURN server it names. Relays at once, the ways to one after the
 * other. Gives all of them each time one changes.
 */
export async function* tryWays(
  components: WaysComponents,
  relays: readonly TriedRelay[],
  signal: AbortSignal,
): AsyncGenerator<WayTried[], void> {
  const groups = relays
    .slice(0, MAX_RELAYS_TRIED)
    .map((relay) => ({ relay, attempts: waysTo(components, relay) }))
  const over = new AbortController()
  let left = groups.length
  let changed = Promise.withResolvers<undefined>()
  const tell = (): void => {
    changed.resolve(undefined)
  }
  signal.addEventListener('abort', tell)
  const tryGroup = async ({ relay, attempts }: (typeof groups)[number]): Promise<void> => {
    await tryAll(components.clock, attempts, tell, over.signal)
    const beside = [
      ...waysAnnounced(components, relay.address, await relay.webTransport()),
      ...waysBeside(components, relay.address, await relay.iceServers()),
    ]
    attempts.push(...beside)
    await tryAll(components.clock, beside, tell, over.signal)
  }
  for (const group of groups) {
    void tryGroup(group).finally(() => {
      left -= 1
      tell()
    })
  }
  try {
    for (;;) {
      signal.throwIfAborted()
      changed = Promise.withResolvers()
      const isLast = left === 0
      yield groups.flatMap(({ attempts }) => attempts.map(({ tried }) => ({ ...tried })))
      if (isLast) return
      await changed.promise
    }
  } finally {
    signal.removeEventListener('abort', tell)
    over.abort()
  }
}

/** Where a relay that is connected says it has WebTransport, with its peer id; nowhere for a browser without it, as that says nothing of the network. */
export async function announcedWebTransport(
  { peerStore }: Pick<Libp2p, 'peerStore'>,
  relay: Connection | undefined,
): Promise<Multiaddr[]> {
  if (relay === undefined || !('WebTransport' in globalThis)) return []
  const { remotePeer: id } = relay
  // It may have been forgotten meanwhile.
  const known = await peerStore.get(id).catch(() => null)
  return (known?.addresses ?? [])
    .filter(({ multiaddr }) => transportOf(multiaddr) === 'webtransport')
    .map(({ multiaddr }) => multiaddr.encapsulate(`/p2p/${id.toString()}`))
}

/** One after the other, as long as anybody wants to know. */
async function tryAll(
  clock: Clock,
  group: readonly Attempt[],
  tell: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (const { tried, run } of group) {
    if (signal.aborted) return
    tried.state = 'trying'
    tell()
    try {
      tried.latencyMs = await within(clock, run, signal)
      tried.state = 'works'
    } catch {
      tried.state = 'fails'
    }
    tell()
  }
}

function waysTo(components: WaysComponents, { address }: TriedRelay): Attempt[] {
  const { peer, multiaddrs } = address
  const sockets = multiaddrs.filter((each) => transportOf(each) === 'websocket')
  const named = (ways: Multiaddr[]): Multiaddr[] =>
    peer === null ? ways : ways.map((each) => each.encapsulate(`/p2p/${peer}`))
  return [
    wayTo(components, address, 'websocket', named(sockets)),
    ...CONNECT_MODES.map((mode) =>
      wayTo(components, address, `http-${mode}`, named(overHttp(sockets, mode))),
    ),
  ]
}

/** A certificate's hash is in these addresses: they are known once the relay was reached otherwise. */
function waysAnnounced(
  components: WaysComponents,
  address: RelayAddress,
  announced: readonly Multiaddr[],
): Attempt[] {
  const some = announced.slice(0, MAX_WEBTRANSPORT_TRIED)
  return some.length === 0 ? [] : [wayTo(components, address, 'webtransport', some)]
}

function wayTo(
  { dial, release, pinger }: WaysComponents,
  relay: RelayAddress,
  way: Way,
  addresses: Multiaddr[],
): Attempt {
  return {
    tried: { way, relay: relay.host, state: 'waiting', latencyMs: null },
    run: async (signal) => {
      const connection = await dial(relay, addresses, signal)
      try {
        return await pinger.ping(connection)
      } finally {
        release(connection)
      }
    },
  }
}

/** A kind of server is one way, on however many ports it is: it works when any of them does. */
function waysBeside(
  { probe }: WaysComponents,
  address: RelayAddress,
  servers: readonly IceServer[],
): Attempt[] {
  const each = servers.flatMap(({ urls, ...credentials }) =>
    urls.map((url) => ({ way: wayOf(url), server: { urls: [url], ...credentials } })),
  )
  return [...Map.groupBy(each, ({ way }) => way)].map(([way, some]) => ({
    tried: { way, relay: address.host, state: 'waiting', latencyMs: null },
    run: (signal) => Promise.any(some.map(({ server }) => probe(server, signal))),
  }))
}

function wayOf(url: string): Way {
  if (url.startsWith('stun:')) return 'stun'
  if (url.startsWith('turns:')) return 'turn-tls'
  return url.endsWith('transport=tcp') ? 'turn-tcp' : 'turn-udp'
}

async function within(
  clock: Clock,
  run: (signal: AbortSignal) => Promise<number>,
  signal: AbortSignal,
): Promise<number> {
  const limit = new AbortController()
  const onAbort = (): void => {
    limit.abort(signal.reason)
  }
  signal.addEventListener('abort', onAbort)
  const late = Promise.withResolvers<never>()
  const cancel = clock.after(WAY_TIMEOUT_MS, () => {
    const error = new NoAnswerError(`no answer within ${WAY_TIMEOUT_MS} ms`)
    limit.abort(error)
    late.reject(error)
  })
  try {
    return await Promise.race([run(limit.signal), late.promise])
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
}
