import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Browser } from 'playwright'
import { launchChromium } from './chromium.ts'

/** A UDP port that takes every packet and answers none, as behind a firewall that drops them. */
export class UdpHole implements AsyncDisposable {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async open(): Promise<UdpHole> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new UdpHole(socket)
  }

  /** A browser for which this port of localhost, where a relay may have WebTransport, is this hole. To be closed by the caller. */
  browser(port: number): Promise<Browser> {
    const hole = `127.0.0.1:${this.#socket.address().port}`
    return launchChromium(`--host-resolver-rules=MAP localhost:${port} ${hole}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }
}
