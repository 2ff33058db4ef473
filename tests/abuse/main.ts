/**
 * Misuses a relay in a crowd, and looks how somebody honest fares meanwhile, and what it costs the relay.
 *
 *     npm run test:abuse -- [--slowloris N] [--readers N]
 *
 * - `slowloris`: N sockets that send a header a second and never end a request. Each that is cut is opened again.
 * - `readers`: N sockets that ask for the largest file of the app, several times each, and read nothing.
 *
 * Ends with 1 when less than 99 of 100 honest visits succeed (`honest.ts`), slow ones are not cut, or a slow reader costs the relay
 * more memory than `MAX_READER_BYTES`. All come from addresses of this machine, which only Linux has as many of.
 */
import { readdirSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  HEADERS_TIMEOUT_MS,
  MAX_SOCKET_QUEUE_BYTES,
  MAX_WRITE_BUFFER_BYTES,
  UNREAD_TIMEOUT_MS,
} from '#relay/limits.ts'
import { Relay } from '../support/relay.ts'
import { type Fared, honest } from './honest.ts'
import { Strangers } from './strangers.ts'

const { values } = parseArgs({
  options: {
    slowloris: { type: 'string', default: '2000' },
    readers: { type: 'string', default: '1000' },
  },
})
const counts = { slowloris: Number(values.slowloris), readers: Number(values.readers) }
if (!Object.values(counts).every((count) => Number.isSafeInteger(count) && count > 0)) {
  console.error('--slowloris and --readers take whole numbers above 0')
  process.exit(2)
}

/** Of honest visits. */
const MIN_SUCCESS = 0.99

/** What a relay holds for each slow reader: as much as may wait for a connection of libp2p. Garbage is as much as V8 allows itself, and not theirs. */
const MAX_READER_BYTES = MAX_SOCKET_QUEUE_BYTES + MAX_WRITE_BUFFER_BYTES

/** How often each reader asks for the file: the second waits for the first. */
const ASKED = 4

/** Files and sockets a relay opens for itself and for the honest one. */
const SPARE_HANDLES = 20

/** How often it is looked how the crowd fares. */
const LOOK_MS = 250

/** So many times as long as its limit is a relay has until all are cut. */
const TIMES = 6

await slowloris(counts.slowloris)
await readers(counts.readers)

async function slowloris(count: number): Promise<void> {
  await using relay = await Relay.start('--no-webrtc')
  using crowd = await Strangers.open(relay.port, count, (socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n')
  })
  const drip = setInterval(() => {
    for (const socket of crowd.sockets) socket.write('X-Slow: 1\r\n')
  }, 1_000)
  // Each of them twice, while the next ones come.
  const fared = await watched(relay, HEADERS_TIMEOUT_MS, () =>
    Promise.resolve(crowd.ended >= 2 * count),
  )
  clearInterval(drip)
  judge(`${count} slowloris sockets, cut ${crowd.ended} times`, fared, crowd.ended >= 2 * count)
}

async function readers(count: number): Promise<void> {
  await using relay = await Relay.start('--no-webrtc')
  const { path, bytes } = largestFile()
  const inspector = await relay.inspect()
  const before = { bytes: await inspector.heldBytes(), handles: openHandles(relay) }
  const most = { ...before }
  using crowd = await Strangers.open(relay.port, count, (socket) => {
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(ASKED))
  })
  let left = Infinity
  // Who reads nothing does not see that they were cut.
  const fared = await watched(relay, UNREAD_TIMEOUT_MS, async () => {
    left = openHandles(relay) - before.handles
    most.bytes = Math.max(most.bytes, await inspector.heldBytes())
    most.handles = Math.max(most.handles, openHandles(relay))
    return most.handles - before.handles >= count && left < SPARE_HANDLES
  })
  const each = (most.bytes - before.bytes) / count
  const mebibytes = (all: number): string => (all / 1_024 / 1_024).toFixed(0)
  judge(
    `${crowd.sockets.size} slow readers of ${ASKED} × ${mebibytes(bytes)} MiB, then ${left} open files and sockets; ` +
      `held ${mebibytes(before.bytes)} → ${mebibytes(most.bytes)} MiB, ${(each / 1_024).toFixed(0)} KiB each`,
    fared,
    each <= MAX_READER_BYTES && left < SPARE_HANDLES,
  )
}

/** How an honest one fares until the relay is through with the crowd, or has had many times as long as its limit is. */
async function watched(
  relay: Relay,
  limitMs: number,
  isOver: () => Promise<boolean>,
): Promise<Fared> {
  const over = new AbortController()
  const fares = honest(relay, over.signal)
  const endMs = performance.now() + TIMES * limitMs
  while (!(await isOver()) && performance.now() < endMs) await delay(LOOK_MS)
  over.abort()
  return await fares
}

function judge(what: string, { tries, successes }: Fared, isHeld: boolean): void {
  const isWell = isHeld && successes >= MIN_SUCCESS * tries
  if (!isWell) process.exitCode = 1
  console.log(`${isWell ? '✔' : '✘'} ${what}; honest visits: ${successes} of ${tries}`)
}

function largestFile(): { path: string; bytes: number } {
  const folder = 'dist/assets'
  const [largest] = readdirSync(folder)
    .map((name) => ({ path: `/assets/${name}`, bytes: statSync(`${folder}/${name}`).size }))
    .toSorted((a, b) => b.bytes - a.bytes)
  if (largest === undefined) throw new Error('nothing is built: npm run build')
  return largest
}

function openHandles({ pid }: Relay): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
