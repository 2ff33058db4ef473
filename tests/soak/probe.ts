import { readdir } from 'node:fs/promises'
import type { Browser, CDPSession } from 'playwright'
import { Inspector } from '../support/inspector.ts'
import type { Person } from '../support/person.ts'
import type { Relay } from '../support/relay.ts'

const MiB = 1024 * 1024

/** What is counted, and how much of it is nothing to worry about. */
const rows = [
  { name: 'node heap, bytes', allowance: 2 * MiB },
  { name: 'node timers', allowance: 4 },
  { name: 'node sockets', allowance: 2 },
  { name: 'node ports', allowance: 2 },
  { name: 'node abort signals', allowance: 50 },
  { name: 'tab heap, bytes', allowance: 2 * MiB },
  { name: 'tab listeners', allowance: 50 },
  { name: 'tab WebRTC connections', allowance: 1 },
  { name: 'relay heap, bytes', allowance: 2 * MiB },
  { name: 'relay timers', allowance: 8 },
  { name: 'relay handles', allowance: 4 },
  { name: 'relay descriptors', allowance: 4 },
] as const

/** What a host that has stopped holds none of. */
const HELD = ['node timers', 'node sockets', 'node ports', 'tab WebRTC connections'] as const

/** How long a stopped host has until nothing is left: what was closed is closed on the other side too. */
const STOP_TIMEOUT_MS = 15_000

/** Any text in this channel makes a host give up its place (src/workers/only-host.ts), and close its worker. */
const SUCCEED = `
  globalThis.close = () => undefined
  new BroadcastChannel('starling-succession').postMessage('soak')
`

export type Measure = Record<(typeof rows)[number]['name'], number>

/** Counts the timers of a worker from now on: those set and neither run nor cleared. */
function countTimers(): void {
  const running = new Set<unknown>()
  const {
    setTimeout: set,
    clearTimeout: clear,
    setInterval: repeat,
    clearInterval: end,
  } = globalThis
  const timers = {
    setTimeout(call: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]) {
      const id: unknown = set(() => {
        running.delete(id)
        call(...args)
      }, delayMs)
      running.add(id)
      return id
    },
    setInterval(call: (...args: unknown[]) => void, everyMs?: number, ...args: unknown[]) {
      const id: unknown = repeat(call, everyMs, ...args)
      running.add(id)
      return id
    },
    clearTimeout(id: number) {
      running.delete(id)
      clear(id)
    },
    clearInterval(id: number) {
      running.delete(id)
      end(id)
    },
    countedTimers: running,
  }
  Object.assign(globalThis, timers)
}

/** Looks into one person's tab and node, and into the relay. */
export class Probe {
  static readonly rows = rows
  readonly #worker: Inspector
  readonly #tab: CDPSession
  readonly #person: Person
  readonly #relay: Relay
  readonly #relayInspector: Inspector

  private constructor(
    worker: Inspector,
    tab: CDPSession,
    person: Person,
    relay: Relay,
    relayInspector: Inspector,
  ) {
    this.#worker = worker
    this.#tab = tab
    this.#person = person
    this.#relay = relay
    this.#relayInspector = relayInspector
  }

  static async of(browser: Browser, person: Person, relay: Relay): Promise<Probe> {
    const [worker] = await Inspector.ofSharedWorkers(browser, person.origin)
    if (worker === undefined) throw new Error('no SharedWorker runs')
    await worker.evaluate(`(${countTimers.toString()})()`)
    const tab = await person.context.newCDPSession(person.page)
    await tab.send('Performance.enable')
    return new Probe(worker, tab, person, relay, await relay.inspect())
  }

  async measure(): Promise<Measure> {
    const worker = this.#worker
    await this.#tab.send('HeapProfiler.collectGarbage')
    const { metrics } = await this.#tab.send('Performance.getMetrics')
    const tab = Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
    const connections = await this.#person.page.evaluate(
      () =>
        window.peerConnections?.filter(({ connectionState }) => connectionState !== 'closed')
          .length,
    )
    const relay = await this.#relayMetrics()
    return {
      'node heap, bytes': await worker.heapBytes(),
      'node timers': await worker.evaluate<number>('countedTimers.size'),
      'node sockets': await worker.countObjects('WebSocket'),
      'node ports': await worker.countObjects('MessagePort'),
      'node abort signals': await worker.countObjects('AbortSignal'),
      'tab heap, bytes': tab['JSHeapUsedSize'] ?? NaN,
      'tab listeners': tab['JSEventListeners'] ?? NaN,
      'tab WebRTC connections': connections ?? NaN,
      'relay heap, bytes': await this.#relayInspector.heapBytes(),
      'relay timers': relay('nodejs_active_resources{type="Timeout"}'),
      'relay handles': relay('nodejs_active_handles_total'),
      'relay descriptors': (await readdir(`/proc/${this.#relay.pid}/fd`)).length,
    }
  }

  /**
   * Ends the node as a newer one does that takes its place, but keeps its worker to look into it.
   * @returns what is left of it once it had its time, by name; empty when nothing is
   */
  async stop(): Promise<Partial<Measure>> {
    await this.#worker.evaluate(SUCCEED)
    let left = await this.#left()
    const endMs = performance.now() + STOP_TIMEOUT_MS
    while (Object.keys(left).length > 0 && performance.now() < endMs) left = await this.#left()
    return left
  }

  async #left(): Promise<Partial<Measure>> {
    await this.#worker.heapBytes()
    const measure = await this.measure()
    const held = HELD.map((name) => [name, measure[name]] as const)
    return Object.fromEntries(held.filter(([, count]) => count > 0))
  }

  /** What the relay tells of itself, by the name of a line. */
  async #relayMetrics(): Promise<(line: string) => number> {
    const text = await (await fetch(`${this.#relay.origin}/metrics`)).text()
    return (line) => {
      const found = text.split('\n').find((each) => each.startsWith(`${line} `))
      return found === undefined ? 0 : Number(found.slice(line.length + 1))
    }
  }
}
