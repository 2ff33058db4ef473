import { ConnectionFailedError, type Logger as Libp2pLogger } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type ConnectTarget, connectSuffix } from '../../protocol/connect/addresses.ts'
import type { ConnectMode } from '../../protocol/connect/connect.ts'
import type { Frame } from '../../protocol/connect/frames.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import { ConnectConnection } from './connection.ts'
import { type Carrier, HttpCarrier, beginSession } from './http-carrier.ts'
import { SocketCarrier } from './socket-carrier.ts'

/** How long the first byte of an answer without an end may take: a proxy that gathers answers lets none through. */
export const FIRST_FRAME_TIMEOUT_MS = 3_000

/** Without a mode in the address, in this order: a WebSocket was tried before, by an address of its own. */
const TRIED: readonly ConnectMode[] = ['binary', 'sse', 'longpoll']

export interface ConnectComponents {
  clock: Clock
  random: Random
  log: Libp2pLogger
}

/** A connection to a relay over HTTP, in the first mode that works; its address names the mode. */
export async function connectTo(
  components: ConnectComponents,
  { address, target }: { address: Multiaddr; target: ConnectTarget },
  signal?: AbortSignal,
): Promise<ConnectConnection> {
  const { clock } = components
  const session = await beginSession(target.url, signal)
  const modes = target.mode === null ? TRIED : [target.mode]
  for (const mode of modes) {
    const carrier: Carrier =
      mode === 'ws'
        ? new SocketCarrier({ clock }, { url: target.url, session })
        : new HttpCarrier({ clock }, { url: target.url, session, mode })
    const life = new AbortController()
    const frames = await begin(clock, carrier, life, signal)
    if (frames === null) continue
    return new ConnectConnection(components, {
      carrier,
      frames,
      life,
      remoteAddr: withMode(address, target, mode),
    })
  }
  signal?.throwIfAborted()
  throw new ConnectionFailedError('no way to connect over HTTP works here')
}

/** The first frames down, once the mode is seen to work; null when it does not. */
async function begin(
  clock: Clock,
  carrier: Carrier,
  life: AbortController,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Frame> | null> {
  const frames = carrier.down(0, life.signal)
  // Nothing comes at once where answers are complete: the first use will tell.
  if (!carrier.streams) return frames
  const onAbort = (): void => {
    life.abort()
  }
  signal?.addEventListener('abort', onAbort)
  const cancel = clock.after(FIRST_FRAME_TIMEOUT_MS, onAbort)
  try {
    signal?.throwIfAborted()
    const first = await frames.next()
    return first.done === true ? null : frames
  } catch {
    return null
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

function withMode(address: Multiaddr, { url }: ConnectTarget, mode: ConnectMode): Multiaddr {
  const [place, rest = ''] = address.toString().split(/(?:\/tls)?\/http\/http-path\/[^/]+/)
  return multiaddr(`${place!}${connectSuffix(url.startsWith('https:'), mode)}${rest}`)
}
