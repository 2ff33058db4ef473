import { ConnectionFailedError, type Logger as Libp2pLogger } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type ConnectTarget, connectSuffix } from '../../protocol/connect/addresses.ts'
import type { ConnectMode } from '../../protocol/connect/connect.ts'
import type { Frame } from '../../protocol/connect/frames.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import { NoAnswerError } from '../errors.ts'
import { ConnectConnection } from './connection.ts'
import { beginSession, type Carrier, firstFrameMs, HttpCarrier } from './http-carrier.ts'
import { SocketCarrier } from './socket-carrier.ts'

/** Without a mode in the address, in this order: a WebSocket was tried before, by an address of its own. */
const TRIED: readonly ConnectMode[] = ['binary', 'sse', 'longpoll']

export interface ConnectComponents {
  clock: Clock
  random: Random
  log: Libp2pLogger
}

export interface ConnectDial {
  address: Multiaddr
  target: ConnectTarget
}

/** A connection to a relay over HTTP, in the first mode that works; its address names the mode. */
export async function connectTo(
  components: ConnectComponents,
  { address, target }: ConnectDial,
  signal?: AbortSignal,
): Promise<ConnectConnection> {
  const { clock } = components
  const beganAtMs = clock.now()
  const session = await beginSession(target.url, signal)
  const requestMs = clock.now() - beganAtMs
  const modes = target.mode === null ? TRIED : [target.mode]
  let gathers = false
  for (const mode of modes) {
    const carrier: Carrier =
      mode === 'ws'
        ? new SocketCarrier({ clock }, { url: target.url, session })
        : new HttpCarrier({ clock }, { url: target.url, session, mode })
    // What gathers one kind of answers without an end gathers the other, too.
    if (gathers && carrier.streams) continue
    const life = new AbortController()
    const begun = await begin(carrier, firstFrameMs(requestMs), life, signal)
    if (begun === 'late') gathers = true
    if (begun === 'late' || begun === 'failed') continue
    return new ConnectConnection(components, {
      carrier,
      frames: begun,
      life,
      requestMs,
      remoteAddr: withMode(address, target, mode),
    })
  }
  signal?.throwIfAborted()
  throw new ConnectionFailedError('no way to connect over HTTP works here')
}

/** The first frames down, once the mode is seen to work. */
async function begin(
  carrier: Carrier,
  firstMs: number,
  life: AbortController,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Frame> | 'late' | 'failed'> {
  const frames = carrier.down(0, life.signal, firstMs)
  // Nothing comes at once where answers are complete: the first use will tell.
  if (!carrier.streams) return frames
  const onAbort = (): void => {
    life.abort()
  }
  signal?.addEventListener('abort', onAbort)
  try {
    signal?.throwIfAborted()
    const first = await frames.next()
    return first.done === true ? 'failed' : frames
  } catch (error) {
    return error instanceof NoAnswerError ? 'late' : 'failed'
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

function withMode(address: Multiaddr, { url }: ConnectTarget, mode: ConnectMode): Multiaddr {
  const [place, rest = ''] = address.toString().split(/(?:\/tls)?\/http\/http-path\/[^/]+/)
  return multiaddr(`${place!}${connectSuffix(url.startsWith('https:'), mode)}${rest}`)
}
