import type { Page } from 'playwright'
import { Relay } from '../support/relay.ts'
import { Inspector } from '../support/inspector.ts'
import { median } from '../support/trend.ts'
import { Detour } from './detour.ts'
import { compared, row, type Row } from './measure.ts'
import { Nodes } from './nodes.ts'
import type { RawSettings } from './page/raw-channels.ts'
import { processorMs, type Around } from './processor.ts'
import { Raw } from './raw.ts'
import { Swarm } from './swarm.ts'
import { Transfer } from './transfer.ts'

const MEBIBYTE = 1024 * 1024

/** The fastest use of one raw channel that was found (docs/PERFORMANCE.md). */
const RAW: RawSettings = {
  connections: 1,
  channels: 1,
  messageBytes: 16 * 1024,
  highWaterBytes: MEBIBYTE,
}

/** Each way: a hundred there and back, as between two continents. */
const LONG_PATH_MS = 50

/** What each of three sources may send, bytes a second: a slow line, so that this machine can carry all of them. */
const SOURCE_RATE = 512 * 1024

/** A transfer is cut off here. */
const RELOAD_AT = 0.4

/** How often memory is looked at while something is got, ms; and when its garbage is collected each time. */
const LOOK_MS = 500
const COLLECT_MS = 2_000

/** How often each is measured, and with how much. */
export interface TransferScale {
  rounds: number
  bytes: number
  longPathBytes: number
  cappedBytes: number
  hashBytes: number
  memoryBytes: number
}

/** From one source: ours, raw channels, and WebTorrent, one after the other, each round beginning with another. */
export async function oneSourceRows({ rounds, bytes }: TransferScale): Promise<Row[]> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const nodes = stack.use(await Nodes.meet(relay, 2))
  const transfer = await Transfer.of(nodes, bytes)
  const raw = await Raw.open(nodes.pages[1]!, nodes.pages[0]!, RAW)
  const swarm = stack.use(await Swarm.of(nodes, bytes, null))
  const charged = { ours: [] as number[], other: [] as number[] }
  const measured = await interleaved(rounds, bytes, {
    ours: () => transfer.get(charging(charged.ours)),
    other: () => raw.send(bytes, charging(charged.other)),
    again: () => raw.send(bytes),
    webTorrent: () => swarm.get(),
  })
  const name = 'transfer.1-source'
  return [
    ...compared(name, 'MB/s', 'raw data channel', measured),
    againstWebTorrent(`${name}.webtorrent`, measured),
    processorRow(`${name}.processor`, charged.ours.slice(1), charged.other.slice(1)),
  ]
}

/** Notes what processor time it takes. */
function charging(to: number[]): Around {
  return async (run) => {
    const beforeMs = processorMs()
    const ms = await run()
    to.push(processorMs() - beforeMs)
    return ms
  }
}

function processorRow(name: string, ours: readonly number[], other: readonly number[]): Row {
  const ratio = median(ours.map((ms, round) => ms / other[round]!))
  return { ...row(name, 'ms', ours), against: 'raw data channel', ratio }
}

/** The same between two who are far apart. */
export async function longPathRows({
  rounds,
  longPathBytes: bytes,
}: TransferScale): Promise<Row[]> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const detour = stack.use(new Detour(LONG_PATH_MS))
  const nodes = stack.use(await Nodes.meet(relay, 2, detour))
  const transfer = await Transfer.of(nodes, bytes)
  const raw = await Raw.open(nodes.pages[1]!, nodes.pages[0]!, RAW)
  const measured = await interleaved(rounds, bytes, {
    ours: () => transfer.get(),
    other: () => raw.send(bytes),
    again: () => raw.send(bytes),
  })
  return compared('transfer.long-path', 'MB/s', 'raw data channel', measured)
}

/** From three sources whose lines are slow; compared with what one of these lines carries. */
export async function threeSourcesRows(scale: TransferScale): Promise<Row[]> {
  const { rounds, cappedBytes: bytes } = scale
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const nodes = stack.use(await Nodes.meet(relay, 4))
  const transfer = await Transfer.of(nodes, bytes)
  await transfer.cap(SOURCE_RATE)
  const swarm = stack.use(await Swarm.of(nodes, bytes, SOURCE_RATE))
  const measured = await interleaved(rounds, bytes, {
    ours: () => transfer.get(),
    webTorrent: () => swarm.get(),
  })
  const oneLine = SOURCE_RATE / 1e6
  const lines = (name: string, rates: number[]): Row => ({
    ...row(name, 'MB/s', rates),
    against: 'one of the lines',
    ratio: median(rates) / oneLine,
  })
  const name = 'transfer.3-sources'
  return [
    lines(
      name,
      measured.map(({ ours }) => ours),
    ),
    lines(
      `${name}.webtorrent`,
      measured.map(({ webTorrent }) => webTorrent),
    ),
  ]
}

/** Bytes the source gave more than once because the receiver's page was loaded anew before half of it had come. */
export async function resumeWasteRow({ rounds, bytes }: TransferScale): Promise<Row> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const nodes = stack.use(await Nodes.meet(relay, 2))
  const transfer = await Transfer.of(nodes, bytes)
  const wasted: number[] = []
  for (let round = 0; round < rounds; round++) wasted.push(await transfer.interrupted(RELOAD_AT))
  return row('transfer.resume-waste', 'bytes', wasted)
}

/**
 * Bytes of the workers of who gets a long file, and of who gives it, beyond what each has at rest, at most: what is alive,
 * and what a browser lets be with the garbage it has not collected.
 */
export async function memoryRows({ memoryBytes: bytes }: TransferScale): Promise<Row[]> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const nodes = stack.use(await Nodes.meet(relay, 2))
  const transfer = await Transfer.of(nodes, bytes)
  const workers = await Promise.all(nodes.pages.map(workerOf))
  const alive = async (worker: Inspector): Promise<number> => {
    await worker.heapBytes()
    return worker.memoryBytes()
  }
  const peaksOf = async (
    bytesNow: (worker: Inspector) => Promise<number>,
    everyMs: number,
  ): Promise<number[]> => {
    const atRest = await Promise.all(workers.map(alive))
    let peaks = workers.map(() => 0)
    let looked = Promise.resolve()
    const look = setInterval(() => {
      looked = looked.then(async () => {
        const now = await Promise.all(workers.map(bytesNow))
        peaks = peaks.map((peak, who) => Math.max(peak, now[who]! - atRest[who]!))
      })
    }, everyMs)
    try {
      await transfer.get()
    } finally {
      clearInterval(look)
      await looked
    }
    return peaks
  }
  const [getting, giving] = await peaksOf(alive, COLLECT_MS)
  const [gettingAll, givingAll] = await peaksOf((worker) => worker.memoryBytes(), LOOK_MS)
  const name = 'transfer.memory-peak'
  return [
    row(name, 'bytes', [getting!]),
    row(`${name}.with-garbage`, 'bytes', [gettingAll!]),
    row(`${name}.sender`, 'bytes', [giving!]),
    row(`${name}.sender.with-garbage`, 'bytes', [givingAll!]),
  ]
}

/** The only one of a browser of its own. */
async function workerOf(page: Page): Promise<Inspector> {
  const browser = page.context().browser()!
  const [worker] = await Inspector.ofSharedWorkers(browser, new URL(page.url()).origin)
  if (worker === undefined) throw new Error('no SharedWorker runs')
  return worker
}

/** Chunks hashed in a worker. */
export async function hashRow({ rounds, hashBytes }: TransferScale): Promise<Row> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const nodes = stack.use(await Nodes.meet(relay, 1))
  const rates: number[] = []
  for (let round = 0; round < rounds; round++) {
    const order = { type: 'hash', bytes: hashBytes } as const
    rates.push(Number(await nodes.pages[0]!.evaluate((order) => window.bench.ask(order), order)))
  }
  return row('hash.throughput', 'MB/s', rates)
}

function againstWebTorrent(
  name: string,
  rounds: readonly { ours: number; webTorrent: number }[],
): Row {
  return {
    ...row(
      name,
      'MB/s',
      rounds.map(({ ours }) => ours),
    ),
    against: 'WebTorrent',
    ratio: median(rounds.map(({ ours, webTorrent }) => ours / webTorrent)),
  }
}

/**
 * Megabytes a second of each arm, in each round; the arms one after the other, each round beginning with another. One
 * round comes before those that count: code is compiled, congestion windows have grown.
 */
async function interleaved<Arm extends string>(
  rounds: number,
  bytes: number,
  arms: Record<Arm, () => Promise<number>>,
): Promise<Record<Arm, number>[]> {
  const names = Object.keys(arms) as Arm[]
  const measured: Record<Arm, number>[] = []
  for (let round = 0; round <= rounds; round++) {
    const rates = {} as Record<Arm, number>
    for (let at = 0; at < names.length; at++) {
      const name = names[(at + round) % names.length]!
      rates[name] = bytes / 1e3 / (await arms[name]())
    }
    measured.push(rates)
  }
  return measured.slice(1)
}
