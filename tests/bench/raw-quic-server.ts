/**
 * A raw connection of WebTransport: the relay's own QUIC and HTTP/3 (`QuicServer`) in one process, with nothing of libp2p in
 * it. Started by `RawQuicServer` (web-transport-page.ts), to which it tells where it is.
 *
 * A stream begins with how many bytes it wants (4 bytes, big-endian): it gets so many, or, where that is 0, back what follows.
 */
import { MemoryDatastore } from 'datastore-core'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { WEBTRANSPORT_STREAM_WINDOW_BYTES } from '#relay/limits.ts'
import { Certificates } from '#relay/webtransport/certificates.ts'
import { SESSION_PATH } from '#relay/webtransport/quic-connection.ts'
import { QuicServer } from '#relay/webtransport/quic-server.ts'
import { MAX_DATA_BYTES, type Word } from '#relay/webtransport/words.ts'

const NUMBER_BYTES = 4
const CHUNK = new Uint8Array(MAX_DATA_BYTES)

/** The digest in a multihash of SHA-256 stands behind two bytes. */
const DIGEST_AT = 2

interface RawStream {
  /** What it began with, until that is whole. */
  head: Buffer | null
  wantedBytes: number
  roomBytes: number
}

const streams = new Map<number, RawStream>()
const certificates = new Certificates({ clock: systemClock, datastore: new MemoryDatastore() })
const server = new QuicServer({
  clock: systemClock,
  random: systemRandom,
  say: hear,
  mayRead: () => true,
  onRefused: () => undefined,
})
await certificates.start()
process.on('disconnect', () => process.exit())
tell({ type: 'certificate', ...certificates.current })
tell({ type: 'listen', host: '127.0.0.1', port: 0 })

/** What is said while a packet is read is answered after it. */
function tell(word: Word): void {
  queueMicrotask(() => void server.take(word))
}

function hear(word: Word): void {
  switch (word.type) {
    case 'listening':
      process.send?.({
        url: `https://127.0.0.1:${word.port}${SESSION_PATH}`,
        certificateHash: [...certificates.hashes()[0]!.subarray(DIGEST_AT)],
      })
      return
    case 'opened':
      streams.set(word.stream, {
        head: Buffer.alloc(0),
        wantedBytes: 0,
        roomBytes: WEBTRANSPORT_STREAM_WINDOW_BYTES,
      })
      return
    case 'data': {
      tell({ type: 'taken', stream: word.stream, byteCount: word.bytes.byteLength })
      take(word.stream, streams.get(word.stream)!, word.bytes)
      return
    }
    case 'taken': {
      const stream = streams.get(word.stream)
      if (stream === undefined) return
      stream.roomBytes += word.byteCount
      give(word.stream, stream)
      return
    }
    case 'end':
    case 'reset':
    case 'stop':
      if (streams.delete(word.stream)) tell({ type: 'end', stream: word.stream })
      return
    default:
  }
}

function take(number: number, stream: RawStream, bytes: Uint8Array): void {
  if (stream.head === null) {
    tell({ type: 'data', stream: number, bytes })
    return
  }
  stream.head = Buffer.concat([stream.head, bytes])
  if (stream.head.byteLength < NUMBER_BYTES) return
  stream.wantedBytes = stream.head.readUInt32BE()
  stream.head = null
  give(number, stream)
}

/** As much of what it wants as there is room for. */
function give(number: number, stream: RawStream): void {
  while (stream.wantedBytes > 0 && stream.roomBytes > 0) {
    const length = Math.min(stream.wantedBytes, stream.roomBytes, CHUNK.byteLength)
    stream.wantedBytes -= length
    stream.roomBytes -= length
    tell({ type: 'data', stream: number, bytes: CHUNK.subarray(0, length) })
  }
}
