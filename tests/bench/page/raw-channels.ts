/** Data channels between two pages as the browser gives them, as fast as they can be made to go: what ours are compared with. */
import { hexOf } from './incompressible.ts'

/** How raw channels are used; docs/PERFORMANCE.md has what was tried. */
export interface RawSettings {
  /** `RTCPeerConnection`s side by side, each with an SCTP association of its own. */
  connections: number
  /** Data channels on each of them. */
  channels: number
  /** Of one message; a browser takes up to 256 KiB. */
  messageBytes: number
  /** A sender waits above this, and goes on at a quarter of it. */
  highWaterBytes: number
}

/** Says, on any channel, that everything has come. */
const ALL_HERE = 'all'

export class RawChannels {
  readonly #connections: RTCPeerConnection[]
  readonly #channels: RTCDataChannel[]
  readonly #settings: RawSettings
  /** What came, by channel. */
  #came: ArrayBuffer[][] = []
  #cameBytes = 0
  #expectedBytes = 0
  #allHere = Promise.withResolvers<undefined>()

  constructor(settings: RawSettings) {
    this.#settings = settings
    this.#connections = Array.from(
      { length: settings.connections },
      () => new RTCPeerConnection({ iceServers: [] }),
    )
    this.#channels = this.#connections.flatMap((connection) =>
      Array.from({ length: settings.channels }, (_, id) =>
        connection.createDataChannel('raw', { negotiated: true, id }),
      ),
    )
    for (const [number, channel] of this.#channels.entries()) {
      channel.binaryType = 'arraybuffer'
      channel.bufferedAmountLowThreshold = settings.highWaterBytes / 4
      channel.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
        if (typeof data === 'string') this.#allHere.resolve(undefined)
        else this.#take(number, data)
      }
    }
  }

  /** Offers, or the answers to them; with all candidates in them. */
  describe(offers: string[] | null): Promise<string[]> {
    return Promise.all(
      this.#connections.map((connection, at) => describe(connection, offers?.[at] ?? null)),
    )
  }

  /** @param answers of the other page, where this one made the offers */
  async open(answers: string[] | null): Promise<void> {
    for (const [at, connection] of this.#connections.entries()) {
      if (answers !== null)
        await connection.setRemoteDescription({ type: 'answer', sdp: answers[at]! })
    }
    await Promise.all(
      this.#channels.map(async (channel) => {
        if (channel.readyState === 'open') return
        await new Promise((resolve) => {
          channel.onopen = resolve
        })
      }),
    )
  }

  /** To be called on the other page before `send`. */
  expect(bytes: number): void {
    this.#came = this.#channels.map(() => [])
    this.#cameBytes = 0
    this.#expectedBytes = bytes
  }

  /** Milliseconds until the other page has said that all is there. Each channel takes an equal share. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    this.#allHere = Promise.withResolvers()
    const share = bytes.byteLength / this.#channels.length
    const startMs = performance.now()
    await Promise.all(
      this.#channels.map((channel, at) =>
        this.#sendShare(channel, bytes.subarray(at * share, (at + 1) * share)),
      ),
    )
    await this.#allHere.promise
    return performance.now() - startMs
  }

  /** SHA-256 of what came. */
  async hash(): Promise<string> {
    const bytes = await new Blob(this.#came.flat()).arrayBuffer()
    return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
    this.#came = []
  }

  async #sendShare(channel: RTCDataChannel, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { messageBytes, highWaterBytes } = this.#settings
    for (let at = 0; at < bytes.byteLength; at += messageBytes) {
      if (channel.bufferedAmount > highWaterBytes) {
        await new Promise((resolve) => {
          channel.onbufferedamountlow = resolve
        })
      }
      channel.send(bytes.subarray(at, at + messageBytes))
    }
  }

  #take(channel: number, data: ArrayBuffer): void {
    this.#came[channel]!.push(data)
    this.#cameBytes += data.byteLength
    if (this.#cameBytes === this.#expectedBytes) this.#channels[0]!.send(ALL_HERE)
  }
}

async function describe(connection: RTCPeerConnection, offer: string | null): Promise<string> {
  if (offer !== null) await connection.setRemoteDescription({ type: 'offer', sdp: offer })
  await connection.setLocalDescription()
  if (connection.iceGatheringState !== 'complete') {
    await new Promise<void>((resolve) => {
      connection.onicegatheringstatechange = () => {
        if (connection.iceGatheringState === 'complete') resolve()
      }
    })
  }
  return connection.localDescription?.sdp ?? ''
}
