/**
 * Measures; docs/PERFORMANCE.md says how to read it.
 *
 *     npm run bench -- [--json] [--only NAME] [--smoke]
 *
 * `--smoke` takes as few rounds as can be: it shows that everything can be measured, not how fast it is.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Relay } from '../support/relay.ts'
import { median } from '../support/trend.ts'
import { firstScripts, nodeScripts } from './bundle.ts'
import { historyRows, ratchetRows } from './browser-rows.ts'
import { lossyLineRow } from './lossy-line.ts'
import { mailboxPuts, type PutRates } from './mailbox-puts.ts'
import { compared, row, type Round, type Row } from './measure.ts'
import {
  CONNECT_ROWS,
  connectRows,
  FIRST_ROWS,
  firstRows,
  type NetworkScale,
  RECOVERY_ROWS,
  recoveryRows,
  WAY_ROWS,
  wayRows,
} from './network-rows.ts'
import { Nap, NAP_MS } from './nap.ts'
import { Pair } from './pair.ts'
import { Friends, Reserved } from './recovery.ts'
import { idleConnectionBytes } from './relay.ts'
import { Sleeper } from './sleeper.ts'
import { start, type Start } from './start.ts'
import {
  hashRow,
  longPathRows,
  memoryRows,
  oneSourceRows,
  resumeWasteRow,
  threeSourcesRows,
  type TransferScale,
} from './transfer-rows.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const rounds = values.smoke ? 1 : 9
const MEBIBYTE = 1024 * 1024

/** What is transferred takes seconds a round. */
const transfers: TransferScale = values.smoke
  ? {
      rounds: 1,
      bytes: 2 * MEBIBYTE,
      longPathBytes: MEBIBYTE,
      cappedBytes: MEBIBYTE,
      hashBytes: 4 * MEBIBYTE,
      memoryBytes: 4 * MEBIBYTE,
    }
  : {
      rounds: 5,
      bytes: 32 * MEBIBYTE,
      longPathBytes: 4 * MEBIBYTE,
      cappedBytes: 8 * MEBIBYTE,
      hashBytes: 256 * MEBIBYTE,
      memoryBytes: 1024 * MEBIBYTE,
    }

const network: NetworkScale = values.smoke
  ? { rounds: 1, echoes: 20, bytes: MEBIBYTE }
  : { rounds, echoes: 200, bytes: 16 * MEBIBYTE }

/** What is measured together, and the rows it gives; a row that is not wanted may be left out. */
const benches: { rows: string[]; run: (wants: (row: string) => boolean) => Promise<Row[]> }[] = [
  {
    rows: ['start.cold', 'start.warm', 'worker.heap-idle'],
    async run() {
      await using relay = await Relay.start()
      const starts: Start[] = await repeat(() => start(relay))
      const of = (pick: (start: Start) => number): number[] => starts.map(pick)
      return [
        row(
          'start.cold',
          'ms',
          of(({ coldMs }) => coldMs),
        ),
        row(
          'start.warm',
          'ms',
          of(({ warmMs }) => warmMs),
        ),
        row(
          'worker.heap-idle',
          'bytes',
          of(({ heapBytes }) => heapBytes),
        ),
      ]
    },
  },
  {
    rows: ['bridge.reconnect'],
    async run() {
      await using relay = await Relay.start()
      await using friends = await Friends.meet(relay)
      return [row('bridge.reconnect', 'ms', await repeat(() => friends.closeBridge()))]
    },
  },
  {
    rows: ['relay.reconnect'],
    async run() {
      await using relay = await Relay.start()
      await using reserved = await Reserved.at(relay)
      return [row('relay.reconnect', 'ms', await repeat(() => reserved.restart()))]
    },
  },
  {
    rows: ['sleep.reconnect'],
    async run() {
      await using relay = await Relay.start()
      await using nap = await Nap.between(relay, values.smoke ? 1_000 : NAP_MS)
      return [row('sleep.reconnect', 'ms', await repeat(() => nap.take()))]
    },
  },
  {
    rows: ['message.rtt', 'message.rtt-sealed', 'message.rtt-turn', 'stream.bulk'],
    async run(wants) {
      await using relay = await Relay.start()
      await using pair = await Pair.meet(relay)
      const against = 'raw data channel'
      const plain = 'without encryption'
      // One before those that count: code is compiled, congestion windows have grown.
      const rounds = async (once: () => Promise<Round>): Promise<Round[]> => {
        await once()
        return repeat(once)
      }
      return [
        ...(wants('message.rtt')
          ? compared('message.rtt', 'ms', against, await rounds(() => pair.roundTrip()))
          : []),
        ...(wants('message.rtt-sealed')
          ? compared(
              'message.rtt-sealed',
              'ms',
              plain,
              await rounds(() => pair.sealedRoundTrip('there')),
            )
          : []),
        ...(wants('message.rtt-turn')
          ? compared(
              'message.rtt-turn',
              'ms',
              plain,
              await rounds(() => pair.sealedRoundTrip('both')),
            )
          : []),
        ...(wants('stream.bulk')
          ? compared('stream.bulk', 'MB/s', against, await rounds(() => pair.bulk()))
          : []),
      ]
    },
  },
  {
    rows: ['message.lossy-line'],
    run: async () => [await lossyLineRow(values.smoke ? 5 : 400)],
  },
  {
    rows: ['transfer.1-source', 'transfer.1-source.webtorrent', 'transfer.1-source.processor'],
    run: () => oneSourceRows(transfers),
  },
  { rows: ['transfer.long-path'], run: () => longPathRows(transfers) },
  {
    rows: ['transfer.3-sources', 'transfer.3-sources.webtorrent'],
    run: () => threeSourcesRows(transfers),
  },
  { rows: ['transfer.resume-waste'], run: async () => [await resumeWasteRow(transfers)] },
  {
    rows: [
      'transfer.memory-peak',
      'transfer.memory-peak.with-garbage',
      'transfer.memory-peak.sender',
      'transfer.memory-peak.sender.with-garbage',
    ],
    run: () => memoryRows(transfers),
  },
  { rows: ['hash.throughput'], run: async () => [await hashRow(transfers)] },
  { rows: WAY_ROWS, run: (wants) => wayRows(network, wants) },
  { rows: CONNECT_ROWS, run: (wants) => connectRows(network, wants) },
  { rows: RECOVERY_ROWS, run: (wants) => recoveryRows(network, wants) },
  { rows: FIRST_ROWS, run: (wants) => firstRows(network, wants) },
  {
    rows: ['message.stored'],
    async run() {
      await using sleeper = await Sleeper.of()
      return [row('message.stored', 'ms', await repeat(() => sleeper.write()))]
    },
  },
  {
    rows: ['relay.idle-connection-memory'],
    async run() {
      const each = [await idleConnectionBytes(values.smoke ? 20 : 2_000)]
      return [row('relay.idle-connection-memory', 'bytes', each)]
    },
  },
  {
    rows: ['relay.connections-10000'],
    async run() {
      const each = [await idleConnectionBytes(values.smoke ? 20 : 10_000)]
      return [row('relay.connections-10000', 'bytes', each)]
    },
  },
  {
    rows: ['relay.mailbox-puts'],
    async run() {
      const rates: PutRates[] = []
      for (let round = 0; round < (values.smoke ? 1 : 3); round++) {
        rates.push(await mailboxPuts(values.smoke ? 200 : 2_000))
      }
      const each = row(
        'relay.mailbox-puts',
        'per s',
        rates.map(({ puts }) => puts),
      )
      const ratio = median(rates.map(({ puts, syncs }) => puts / syncs))
      return [{ ...each, against: 'syncs of the disk', ratio }]
    },
  },
  {
    rows: ['ratchet.encrypt', 'ratchet.decrypt'],
    run: () => ratchetRows(values.smoke ? 100 : 10_000),
  },
  {
    rows: ['history.page-50', 'search', 'search.ready', 'search.before-ready', 'unlock'],
    run: () => historyRows(values.smoke ? 1_000 : 100_000, values.smoke ? 2 : 20),
  },
  {
    rows: ['bundle.node-gzip', 'bundle.page-gzip'],
    run() {
      return Promise.resolve([
        row('bundle.node-gzip', 'bytes', [gzipBytes(nodeScripts('dist'))]),
        row('bundle.page-gzip', 'bytes', [gzipBytes(firstScripts('dist'))]),
      ])
    },
  },
]

const { only } = values
const names = benches.flatMap(({ rows }) => rows)
if (only !== undefined && !names.includes(only)) {
  console.error(`No row is called ${only}. There are: ${names.join(', ')}.`)
  process.exit(2)
}
const wants = (row: string): boolean => only === undefined || row === only
for (const { rows, run } of benches) {
  if (!rows.some(wants)) continue
  for (const each of await run(wants)) {
    if (only === undefined || each.name.startsWith(only)) print(each)
  }
}

async function repeat<T>(once: () => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let round = 0; round < rounds; round++) results.push(await once())
  return results
}

function print(each: Row): void {
  if (values.json) {
    console.log(JSON.stringify(each))
    return
  }
  const { name, median, p95, unit, runs, against, ratio } = each
  const number = (value: number): string =>
    value.toLocaleString('en', { maximumSignificantDigits: 4 })
  const comparison = ratio === null || against === null ? '' : `, ${number(ratio)} × ${against}`
  console.log(`${name}: ${number(median)} ${unit} (p95 ${number(p95)}, ${runs} runs)${comparison}`)
}

function gzipBytes(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).byteLength, 0)
}
