import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Namespace } from './namespace.ts'

/** `13:08:45.123456 IP 10.0.1.2.50814 > 11.0.0.1.8443: tcp 0`, as tcpdump prints a packet. */
const PACKET = /^[\d:.]+ IP6? \S+ > (\S+): /gm

/** Nobody is there. What is sent there last is captured last. */
const LAST = { address: '11.255.255.254', port: 9 }
const LAST_SHOWN = `${LAST.address}.${LAST.port}`

/** Every IP packet that leaves one device of a network, as tcpdump saw it. */
export class Capture implements AsyncDisposable {
  readonly #namespace: Namespace
  readonly #tcpdump: ChildProcess
  #packets = ''
  #report = ''

  private constructor(namespace: Namespace, tcpdump: ChildProcess) {
    this.#namespace = namespace
    this.#tcpdump = tcpdump
    tcpdump.stdout?.on('data', (chunk: Buffer) => {
      this.#packets += chunk.toString()
    })
    tcpdump.stderr?.on('data', (chunk: Buffer) => {
      this.#report += chunk.toString()
    })
  }

  /** Resolves once packets are captured. @throws Error when tcpdump ends instead */
  static async leaving(device: string, namespace: Namespace): Promise<Capture> {
    // Headers alone, each as it comes, and room for all that leaves while this machine is busy.
    const options = ['-Q', 'out', '-nn', '-q', '-l', '--immediate-mode', '-s', '96', '-B', '65536']
    const tcpdump = namespace.spawn('tcpdump', '-i', device, ...options, 'ip or ip6')
    const capture = new Capture(namespace, tcpdump)
    await capture.#until(() => capture.#report.includes('listening on'))
    return capture
  }

  /**
   * Ends it. Gives how many packets went to each address and port (`11.0.0.1.8443`; without a port where there is none).
   * @throws Error when some were missed
   */
  async end(): Promise<Map<string, number>> {
    const last = `UDP:${LAST.address}:${LAST.port}`
    await this.#namespace.run('sh', '-c', `echo | socat -u - ${last}`)
    await this.#until(() => this.#packets.includes(`> ${LAST_SHOWN}: `))
    await this[Symbol.asyncDispose]()
    if (!/^0 packets dropped by kernel/m.test(this.#report)) {
      throw new Error(`packets were missed: ${this.#report}`)
    }
    const packets = new Map<string, number>()
    for (const [, to] of this.#packets.matchAll(PACKET)) {
      if (to !== LAST_SHOWN) packets.set(to!, (packets.get(to!) ?? 0) + 1)
    }
    return packets
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#tcpdump.exitCode !== null || this.#tcpdump.signalCode !== null) return
    const closed = once(this.#tcpdump, 'close')
    this.#tcpdump.kill('SIGINT')
    await closed
  }

  async #until(isSo: () => boolean): Promise<void> {
    const { stdout, stderr } = this.#tcpdump
    while (!isSo()) {
      if (this.#tcpdump.exitCode !== null) throw new Error(`tcpdump: ${this.#report}`)
      const over = new AbortController()
      const { signal } = over
      const closed = once(this.#tcpdump, 'close', { signal })
      const happened = [
        once(stdout!, 'data', { signal }),
        once(stderr!, 'data', { signal }),
        closed,
      ]
      await Promise.race(happened)
      over.abort()
      await Promise.allSettled(happened)
    }
  }
}
