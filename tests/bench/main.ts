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
import { firstScripts, nodeScripts } from './bundle.ts'
import { compared, row, type Round, type Row } from './measure.ts'
import { Pair } from './pair.ts'
import { idleConnectionBytes } from './relay.ts'
import { start, type Start } from './start.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const rounds = values.smoke ? 1 : 9

/** What is measured together, and the rows it gives. */
const benches: Record<string, { rows: string[]; run: () => Promise<Row[]> }> = {
  start: {
    rows: ['start.cold', 'start.warm', 'worker.heap-idle'],
    async run() {
      await using relay = await Relay.start()
      const starts: Start[] = []
      for (let round = 0; round < rounds; round++) starts.push(await start(relay))
      return [
        row(
          'start.cold',
          'ms',
          starts.map(({ coldMs }) => coldMs),
        ),
        row(
          'start.warm',
          'ms',
          starts.map(({ warmMs }) => warmMs),
        ),
        row(
          'worker.heap-idle',
          'bytes',
          starts.map(({ heapBytes }) => heapBytes),
        ),
      ]
    },
  },
  pair: {
    rows: ['message.rtt', 'stream.bulk'],
    async run() {
      await using relay = await Relay.start()
      await using pair = await Pair.meet(relay)
      const trips: Round[] = []
      const streams: Round[] = []
      await pair.roundTrip()
      for (let round = 0; round < rounds; round++) trips.push(await pair.roundTrip())
      await pair.bulk()
      for (let round = 0; round < rounds; round++) streams.push(await pair.bulk())
      return [
        ...compared('message.rtt', 'ms', 'raw data channel', trips),
        ...compared('stream.bulk', 'MB/s', 'raw data channel', streams),
      ]
    },
  },
  relay: {
    rows: ['relay.idle-connection-memory'],
    async run() {
      const each: number[] = []
      for (let round = 0; round < (values.smoke ? 1 : 3); round++) {
        each.push(await idleConnectionBytes(values.smoke ? 20 : 200))
      }
      return [row('relay.idle-connection-memory', 'bytes', each)]
    },
  },
  bundle: {
    rows: ['bundle.node-gzip', 'bundle.page-gzip'],
    run() {
      return Promise.resolve([
        row('bundle.node-gzip', 'bytes', [gzipBytes(nodeScripts('dist'))]),
        row('bundle.page-gzip', 'bytes', [gzipBytes(firstScripts('dist'))]),
      ])
    },
  },
}

const { only } = values
const names = Object.values(benches).flatMap(({ rows }) => rows)
if (only !== undefined && !names.includes(only)) {
  console.error(`No row is called ${only}. There are: ${names.join(', ')}.`)
  process.exit(2)
}
for (const { rows, run } of Object.values(benches)) {
  if (only !== undefined && !rows.includes(only)) continue
  for (const each of await run()) {
    if (only === undefined || each.name.startsWith(only)) print(each)
  }
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
