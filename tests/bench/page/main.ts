/** The bench's tab: bridges WebRTC for the worker, and has a raw data channel of its own to compare with. */
import { rtcBridge } from '../../../src/lib/client/rtc-bridge.ts'
import { hexOf, incompressible } from './incompressible.ts'
import { RawChannels, type RawSettings } from './raw-channels.ts'
import { Torrents } from './torrents.ts'
import { timeEach } from './time-each.ts'
import { BULK, CHUNK_BYTES, ECHO, LAST, type ToTab, type ToWorker } from './messages.ts'

/** Below this a raw sender goes on. */
const LOW_WATER_BYTES = 256 * 1024
const HIGH_WATER_BYTES = 1024 * 1024

const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' })
const send = (message: ToWorker, transfer: Transferable[] = []): void => {
  worker.port.postMessage(message, transfer)
}
const obey = rtcBridge().serve((message, transfer) => {
  send({ type: 'rtc', message }, transfer)
}, new AbortController().signal)
let answer = Promise.withResolvers<unknown>()
worker.port.onmessage = ({ data }: MessageEvent<ToTab>) => {
  if (data.type === 'rtc') obey(data.message)
  else if (data.type === 'answer') answer.resolve(data.value)
  else answer.reject(new Error(data.text))
}

/** One data channel between two pages, as the browser gives it. */
class RawChannel {
  readonly #connection = new RTCPeerConnection({ iceServers: [] })
  readonly #channel = this.#connection.createDataChannel('raw', { negotiated: true, id: 0 })
  #answered = Promise.withResolvers<undefined>()

  constructor() {
    this.#channel.binaryType = 'arraybuffer'
    this.#channel.bufferedAmountLowThreshold = LOW_WATER_BYTES
    this.#channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const kind = new Uint8Array(data)[0]
      if (kind === ECHO) {
        const back = new Uint8Array(data.slice())
        back[0] = 0
        this.#channel.send(back)
      } else if (kind === LAST) this.#channel.send(Uint8Array.of(0))
      else if (kind !== BULK) this.#answered.resolve(undefined)
    }
  }

  /** An offer, or the answer to one; with all candidates in it. */
  async describe(offer: string | null): Promise<string> {
    const connection = this.#connection
    if (offer === null) await connection.setLocalDescription()
    else {
      await connection.setRemoteDescription({ type: 'offer', sdp: offer })
      await connection.setLocalDescription()
    }
    if (connection.iceGatheringState !== 'complete') {
      await new Promise<void>((resolve) => {
        connection.onicegatheringstatechange = () => {
          if (connection.iceGatheringState === 'complete') resolve()
        }
      })
    }
    return connection.localDescription?.sdp ?? ''
  }

  async open(sdp: string | null): Promise<void> {
    if (sdp !== null) await this.#connection.setRemoteDescription({ type: 'answer', sdp })
    if (this.#channel.readyState === 'open') return
    await new Promise((resolve) => {
      this.#channel.onopen = resolve
    })
  }

  async echo(rounds: number, bytes: number): Promise<number[]> {
    const frame = new Uint8Array(bytes)
    frame[0] = ECHO
    return timeEach(rounds, async () => {
      this.#answered = Promise.withResolvers()
      this.#channel.send(frame)
      await this.#answered.promise
    })
  }

  async bulk(bytes: number): Promise<number> {
    const frame = new Uint8Array(CHUNK_BYTES)
    frame[0] = BULK
    this.#answered = Promise.withResolvers()
    const startMs = performance.now()
    for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
      if (this.#channel.bufferedAmount > HIGH_WATER_BYTES) {
        await new Promise((resolve) => {
          this.#channel.onbufferedamountlow = resolve
        })
      }
      this.#channel.send(frame)
    }
    this.#channel.send(Uint8Array.of(LAST))
    await this.#answered.promise
    return performance.now() - startMs
  }
}

/** Much data over raw channels, as fast as they can be made to go. */
class RawTransfer {
  #channels: RawChannels | null = null
  #bytes = new Uint8Array(0)

  create(settings: RawSettings): void {
    this.#channels?.close()
    this.#channels = new RawChannels(settings)
  }

  describe(offers: string[] | null): Promise<string[]> {
    return this.#opened.describe(offers)
  }

  open(answers: string[] | null): Promise<void> {
    return this.#opened.open(answers)
  }

  expect(bytes: number): void {
    this.#opened.expect(bytes)
  }

  /** Makes what is sent, and gives its SHA-256. */
  async make(bytes: number): Promise<string> {
    this.#bytes = incompressible(bytes)
    return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', this.#bytes)))
  }

  /** Milliseconds until the other page has said that all is there. */
  send(): Promise<number> {
    return this.#opened.send(this.#bytes)
  }

  hash(): Promise<string> {
    return this.#opened.hash()
  }

  close(): void {
    this.#channels?.close()
    this.#channels = null
  }

  get #opened(): RawChannels {
    if (this.#channels === null) throw new Error('no channels were created')
    return this.#channels
  }
}

export interface BenchPage {
  raw: RawChannel
  rawTransfer: RawTransfer
  torrents: Torrents
  ask(order: Exclude<ToWorker, { type: 'rtc' }>): Promise<unknown>
}

const bench: BenchPage = {
  raw: new RawChannel(),
  rawTransfer: new RawTransfer(),
  torrents: new Torrents(),
  ask(order) {
    answer = Promise.withResolvers()
    send(order)
    return answer.promise
  },
}

declare global {
  interface Window {
    bench: BenchPage
  }
}
window.bench = bench
