import { timeEach } from './time-each.ts'

/** Where `raw-quic-server.ts` is. */
export interface RawPlace {
  url: string
  /** SHA-256 of its certificate. */
  certificateHash: number[]
}

/** What a stream says first when it wants back what it brings. */
const ECHO = 0

type ByteStream = WebTransportBidirectionalStream

/** A session of WebTransport as the browser gives it, with a stream that brings back what it was given. */
export class RawSession {
  readonly #transport: WebTransport
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  private constructor(transport: WebTransport, { readable, writable }: ByteStream) {
    this.#transport = transport
    this.#writer = (writable as WritableStream<Uint8Array>).getWriter()
    this.#reader = (readable as ReadableStream<Uint8Array>).getReader()
  }

  static async open({ url, certificateHash }: RawPlace): Promise<RawSession> {
    const value = Uint8Array.from(certificateHash)
    const transport = new WebTransport(url, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value }],
    })
    await transport.ready
    const session = new RawSession(transport, await transport.createBidirectionalStream())
    await session.#writer.write(numbered(ECHO))
    return session
  }

  /** Milliseconds of so many round trips. */
  roundTrips(times: number, bytes: number, together: number): Promise<number[]> {
    return timeEach(
      times,
      async () => {
        await this.#writer.write(new Uint8Array(bytes))
        for (let left = bytes; left > 0;) left -= (await this.#reader.read()).value!.byteLength
      },
      together,
    )
  }

  /** Resolves once so many bytes came, by a stream of their own. */
  async bytes(count: number): Promise<void> {
    const stream = await this.#transport.createBidirectionalStream()
    const writer = (stream.writable as WritableStream<Uint8Array>).getWriter()
    await writer.write(numbered(count))
    const reader = (stream.readable as ReadableStream<Uint8Array>).getReader()
    for (let left = count; left > 0;) left -= (await reader.read()).value!.byteLength
    await writer.close()
  }

  close(): void {
    this.#transport.close()
  }
}

function numbered(count: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, count)
  return bytes
}
