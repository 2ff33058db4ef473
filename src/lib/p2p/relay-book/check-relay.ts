import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { Connection } from '@libp2p/interface'
import { isPeerId } from '../../protocol/ids.ts'
import type { RelayCheck } from '../api.ts'
import { endStream } from '../end-stream.ts'
import type { Pinger } from '../ping.ts'
import type { RelayDialer } from './relay-dialer.ts'

/** One question to a relay on an open connection. */
export const RELAY_ANSWER_TIMEOUT_MS = 10_000

/** Connects, and sees whether the peer offers circuit relay and how fast it answers. @throws InvalidAddressError */
export async function checkRelay(
  address: string,
  { dialer, pinger }: { dialer: RelayDialer; pinger: Pinger },
  signal?: AbortSignal,
): Promise<RelayCheck> {
  const failed = { ok: false, peer: null, latencyMs: null } as const
  let connection: Connection
  try {
    connection = await dialer.connect(address, signal)
  } catch (error) {
    signal?.throwIfAborted()
    const name = error instanceof Error ? error.name : ''
    if (name === 'InvalidAddressError') throw error
    const late = name === 'TimeoutError' || name === 'NoAnswerError'
    return { ...failed, error: late ? 'timeout' : 'unreachable' }
  }
  const remote = connection.remotePeer.toString()
  const peer = isPeerId(remote) ? remote : null
  try {
    await requireRelay(connection)
    const latencyMs = await pinger.ping(connection)
    return { ok: true, peer, latencyMs, error: null }
  } catch (error) {
    const unsupported = error instanceof Error && error.name === 'UnsupportedProtocolError'
    return { ...failed, peer, error: unsupported ? 'not-a-relay' : 'refused' }
  }
}

/** @throws the stream's error; its name is `UnsupportedProtocolError` when the peer is no circuit relay. */
export async function requireRelay(connection: Connection): Promise<void> {
  const signal = AbortSignal.timeout(RELAY_ANSWER_TIMEOUT_MS)
  endStream(await connection.newStream(RELAY_V2_HOP_CODEC, { signal }))
}
