import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Page } from 'playwright'

/** What a receiver's kernel keeps of what has not been read, as far as it lets us. */
const BUFFER_BYTES = 4 * 1024 * 1024

/** Lets pages use the candidates they have, whose address is this machine's, instead of names that hide it. */
export const DETOUR_ARGS = ['--disable-features=WebRtcHideLocalIpsWithMdns']

/**
 * A long way between browsers of one machine: every packet of their WebRTC connections arrives so much later, or is lost.
 *
 * Each port of a browser has a stand-in on the loopback address, and the pages' candidates are rewritten to name it. A
 * packet from A to B's stand-in leaves, later, from A's stand-in to B: so both know each other by their stand-ins alone.
 * The kernel's own delay (netem) would need rights and a module that not every machine has.
 */
export class Detour implements AsyncDisposable {
  readonly #delayMs: number
  readonly #loss: number
  readonly #standIns = new Map<number, Promise<Socket>>()
  /** In the order in which they are due: all wait equally long. */
  readonly #waiting: { dueMs: number; packet: Buffer; from: number; to: number }[] = []
  #timer: NodeJS.Timeout | null = null
  #isBlocked = false

  /**
   * @param delayMs each way
   * @param loss share of packets that are lost each way, 0 to 1
   */
  constructor(delayMs: number, loss = 0) {
    this.#delayMs = delayMs
    this.#loss = loss
  }

  /** Sends what this page says to others on the detour. To be called before anything is loaded. */
  async lead(page: Page): Promise<void> {
    await page.exposeFunction('standInFor', async (port: number) => {
      return (await this.#standIn(port)).address().port
    })
    await page.addInitScript(rewriteCandidates)
  }

  /** From now on no packet arrives. */
  block(): void {
    this.#isBlocked = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const standIn of this.#standIns.values()) (await standIn).close()
  }

  #standIn(port: number): Promise<Socket> {
    const known = this.#standIns.get(port) ?? this.#open(port)
    this.#standIns.set(port, known)
    return known
  }

  async #open(to: number): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES })
    socket.on('message', (packet, { port: from }) => {
      if (this.#isBlocked || Math.random() < this.#loss) return
      this.#waiting.push({ dueMs: performance.now() + this.#delayMs, packet, from, to })
      this.#timer ??= setTimeout(() => {
        this.#deliver()
      }, this.#delayMs)
    })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return socket
  }

  #deliver(): void {
    const nowMs = performance.now()
    const later = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs)
    for (const { packet, from, to } of this.#waiting.splice(
      0,
      later < 0 ? this.#waiting.length : later,
    )) {
      // A browser may have left its port meanwhile.
      void this.#standIn(from).then((socket) => {
        socket.send(packet, to, '127.0.0.1', () => undefined)
      })
    }
    const [next] = this.#waiting
    this.#timer =
      next === undefined
        ? null
        : setTimeout(() => {
            this.#deliver()
          }, next.dueMs - nowMs)
  }
}

/** Runs in the page: whatever candidate is named to WebRTC, its stand-in is meant. */
function rewriteCandidates(): void {
  const { standInFor } = window as unknown as { standInFor(port: number): Promise<number> }

  /** The forms with promises alone; the types name others, with callbacks, too. */
  interface Negotiation {
    addIceCandidate: (this: RTCPeerConnection, init?: RTCIceCandidateInit | null) => Promise<void>
    setRemoteDescription: (
      this: RTCPeerConnection,
      init: RTCSessionDescriptionInit,
    ) => Promise<void>
  }

  /** Null for a candidate that is not reached on the detour. */
  async function rewritten(candidate: string): Promise<string | null> {
    const words = candidate.split(' ')
    if (words[2]?.toLowerCase() !== 'udp' || words[4]?.includes('.') !== true) return null
    words[4] = '127.0.0.1'
    words[5] = String(await standInFor(Number(words[5])))
    return words.join(' ')
  }

  const real: Negotiation = RTCPeerConnection.prototype
  const { addIceCandidate, setRemoteDescription } = real
  real.addIceCandidate = async function (init) {
    if (init?.candidate === undefined || init.candidate === '') return
    const candidate = await rewritten(init.candidate)
    if (candidate === null) return
    const { sdpMid = null, sdpMLineIndex = null } = init
    await addIceCandidate.call(this, { candidate, sdpMid, sdpMLineIndex })
  }
  real.setRemoteDescription = async function ({ type, sdp = '' }) {
    const lines: string[] = []
    for (const line of sdp.split('\r\n')) {
      const candidate = line.startsWith('a=candidate:') ? await rewritten(line) : line
      if (candidate !== null) lines.push(candidate)
    }
    await setRemoteDescription.call(this, { type, sdp: lines.join('\r\n') })
  }
}
