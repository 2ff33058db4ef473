import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { steadyYamux } from '#lib/protocol/steady-yamux.ts'
import { QuotaError } from './errors.ts'
import { MAX_STREAMS_PER_CONNECTION } from './limits.ts'
import type { Refusals } from './refusals.ts'

/**
 * yamux whose connection ends with it, and that resets, and counts, what a peer opens beyond
 * `MAX_STREAMS_PER_CONNECTION`. Its own limit resets without a word, so it is set one higher and never reached.
 */
export function limitedYamux(components: { refusals: Refusals }): () => StreamMuxerFactory {
  const create = steadyYamux({
    maxInboundStreams: MAX_STREAMS_PER_CONNECTION + 1,
    maxOutboundStreams: MAX_STREAMS_PER_CONNECTION,
    // The WebSocket's ping notices a dead peer, and costs no encryption.
    enableKeepAlive: false,
  })
  return () => {
    const factory = create()
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = factory.createStreamMuxer(connection)
        const accept = muxer.onRemoteStream.bind(muxer)
        muxer.onRemoteStream = (stream) => {
          const open = muxer.streams.filter(({ direction }) => direction === 'inbound').length
          // First accepted, so that what comes for it before the peer hears of its end finds it.
          accept(stream)
          if (open < MAX_STREAMS_PER_CONNECTION) return
          components.refusals.count('streams-per-connection')
          stream.abort(new QuotaError(`more than ${MAX_STREAMS_PER_CONNECTION} streams`))
        }
        endTogether(muxer, connection)
        return muxer
      },
    }
  }
}

/** A peer may say goodbye and leave its socket open: no circuit must be offered a connection that carries nothing. */
function endTogether(muxer: StreamMuxer, connection: MessageStream): void {
  // The muxer was there first, so it has read the message already.
  connection.addEventListener('message', () => {
    if (muxer.status !== 'closed') return
    connection.close().catch((error: unknown) => {
      connection.abort(new QuotaError('the muxer has ended', { cause: error }))
    })
  })
}
