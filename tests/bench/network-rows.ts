/** Rows of the ways to a relay, and of what becomes of people where a box in the middle breaks some (docs/CONNECTIVITY.md). */
import { Middlebox, type MiddleboxInit } from '../support/middlebox.ts'
import { freePort, Relay } from '../support/relay.ts'
import { median } from '../support/trend.ts'
import { type Arrivals, arrivals } from './arrivals.ts'
import { compared, interleaved, type Round, type Row, row } from './measure.ts'
import { People } from './people.ts'
import { RawServer, type RawWay } from './raw-ways.ts'
import { udpDropped } from './udp-dropped.ts'
import { BENCHED_WAYS, type NodeWay, WayTo } from './ways.ts'
import { RawQuicServer, WebTransportPage } from './web-transport-page.ts'

export interface NetworkScale {
  rounds: number
  /** Round trips of which a round takes the median. */
  echoes: number
  /** Down a way in a round; a circuit carries 64 MiB. */
  bytes: number
}

/** Whether a row is asked for: each takes some time. */
type Wants = (row: string) => boolean

const MEGABYTE = 1e6

/** What a network must be like for a way to be the one that is taken. */
const LEADS_TO: Readonly<Record<NodeWay, MiddleboxInit>> = {
  websocket: { webSockets: true },
  'http-binary': {},
  'http-sse': { refusesEndlessBytes: true },
  'http-longpoll': { buffers: true },
}

/** What begins, in a running conversation. */
const EVENTS: Readonly<Record<string, [before: MiddleboxInit, after: MiddleboxInit]>> = {
  'websockets-refused': [{ webSockets: true }, {}],
  'answers-cut': [{}, {}],
  'answers-buffered': [{}, { buffers: true }],
  'endless-bytes-refused': [{}, { refusesEndlessBytes: true }],
  'connections-killed': [{ webSockets: true }, { webSockets: true }],
}

/** Networks that people begin on, as impatient as such boxes are. */
const NETWORKS: Readonly<Record<string, MiddleboxInit>> = {
  open: { webSockets: true },
  'websockets-refused': {},
  'answers-buffered': { buffers: true },
  'endless-bytes-refused': { refusesEndlessBytes: true },
  'answers-cut': { cutsAnswersAfterMs: 30_000 },
  'idle-killed': { webSockets: true, killsIdleAfterMs: 20_000 },
}

export const WAY_ROWS = [
  ...BENCHED_WAYS.flatMap((way) => [`message.rtt.${way}`, `throughput.${way}`]),
  'relay.cpu-per-mb',
]
export const CONNECT_ROWS = BENCHED_WAYS.flatMap((way) => [
  `connect.cold.${way}`,
  `connect.warm.${way}`,
])
export const RECOVERY_ROWS = [...Object.keys(EVENTS), 'udp-dropped'].map(
  (event) => `recovery.${event}`,
)
export const FIRST_ROWS = Object.keys(NETWORKS).map((network) => `chat.first.${network}`)

/** Round trips and throughput of each way, beside a raw connection of its kind; and what a relay is charged for a megabyte. */
export async function wayRows(scale: NetworkScale, wants: Wants): Promise<Row[]> {
  const rows: Row[] = []
  for (const way of BENCHED_WAYS) {
    const isCharged = way === 'websocket' && wants('relay.cpu-per-mb')
    if (!isCharged && !wants(`message.rtt.${way}`) && !wants(`throughput.${way}`)) continue
    await using stack = new AsyncDisposableStack()
    const { ours, other } = await (way === 'webtransport'
      ? armsInPage(stack)
      : armsInNode(stack, way))
    const { echoes, bytes } = scale
    const against = `raw ${way}`
    if (wants(`message.rtt.${way}`)) {
      const both = await inRounds(
        scale,
        async () => median(await ours.roundTrips(echoes)),
        async () => median(await other.roundTrips(echoes)),
      )
      rows.push(...compared(`message.rtt.${way}`, 'ms', against, both))
    }
    if (!isCharged && !wants(`throughput.${way}`)) continue
    const megabytes = bytes / MEGABYTE
    const chargedPerMegabyte: number[] = []
    const both = await inRounds(
      scale,
      async () => {
        const { ms, relayMs } = await ours.fetch(bytes)
        chargedPerMegabyte.push(relayMs / megabytes)
        return megabytes / (ms / 1_000)
      },
      async () => {
        const startMs = performance.now()
        await other.bytes(bytes)
        return megabytes / ((performance.now() - startMs) / 1_000)
      },
    )
    rows.push(...compared(`throughput.${way}`, 'MB/s', against, both))
    if (isCharged) rows.push(row('relay.cpu-per-mb', 'ms', chargedPerMegabyte.slice(1)))
  }
  return rows
}

/** Who reaches a relay by a way, and a raw connection of its kind. */
interface Arms {
  ours: WayTo
  other: RawWay
}

async function armsInNode(stack: AsyncDisposableStack, way: NodeWay): Promise<Arms> {
  const raw = stack.use(await RawServer.start())
  const relay = stack.use(await Relay.start('--no-app', '--no-webrtc'))
  return {
    ours: stack.use(await WayTo.open(relay, way)),
    other: stack.use(await raw.open(way)),
  }
}

/** Both from one page. */
async function armsInPage(stack: AsyncDisposableStack): Promise<Arms> {
  const raw = stack.use(await RawQuicServer.start())
  const relay = stack.use(await Relay.start('--no-app', '--no-webrtc', '--webtransport', '0'))
  const page = stack.use(await WebTransportPage.open())
  return {
    ours: stack.use(await WayTo.fromPage(relay, page)),
    other: stack.use(await page.openRaw(raw)),
  }
}

async function inRounds(
  { rounds }: NetworkScale,
  ours: () => Promise<number>,
  other: () => Promise<number>,
): Promise<Round[]> {
  const results: Round[] = []
  // One before those that count: code is compiled.
  for (let turn = 0; turn <= rounds; turn++) results.push(await interleaved(turn, ours, other))
  return results.slice(1)
}

/** From the start of a node to a place at the relay, where a network leads to this way: known from the last time, and not. */
export async function connectRows({ rounds }: NetworkScale, wants: Wants): Promise<Row[]> {
  const rows: Row[] = []
  for (const way of BENCHED_WAYS) {
    if (!wants(`connect.cold.${way}`) && !wants(`connect.warm.${way}`)) continue
    await using stack = new AsyncDisposableStack()
    const { arrive, open } = await (way === 'webtransport'
      ? startsInPage(stack)
      : startsInNode(stack, way))
    const cold: Round[] = []
    const warm: Round[] = []
    for (let turn = 0; turn < rounds; turn++) {
      const other = await open()
      const { coldMs, warmMs } = await arrive()
      const again = await open()
      cold.push({ ours: coldMs, other, again })
      warm.push({ ours: warmMs, other, again })
    }
    const against = `raw ${way}, opened and used once`
    rows.push(...compared(`connect.cold.${way}`, 'ms', against, cold))
    rows.push(...compared(`connect.warm.${way}`, 'ms', against, warm))
  }
  return rows
}

/** Starts of a node, and a raw connection that is opened and used once, in ms. */
interface Starts {
  arrive: () => Promise<Arrivals>
  open: () => Promise<number>
}

async function startsInNode(stack: AsyncDisposableStack, way: NodeWay): Promise<Starts> {
  const relay = stack.use(await Relay.start('--no-app', '--no-webrtc'))
  const middlebox = stack.use(await Middlebox.before(relay, LEADS_TO[way]))
  const raw = stack.use(await RawServer.start())
  return {
    arrive: () => arrivals({ origin: middlebox.origin, way }),
    open: async () => {
      const startMs = performance.now()
      await using opened = await raw.open(way)
      await opened.roundTrips(1)
      return performance.now() - startMs
    },
  }
}

/** Where nothing but UDP gets through, of a relay that was met elsewhere: nobody can know its WebTransport before. */
async function startsInPage(stack: AsyncDisposableStack): Promise<Starts> {
  const relay = stack.use(await Relay.start('--no-app', '--no-webrtc', '--webtransport', '0'))
  const raw = stack.use(await RawQuicServer.start())
  const page = stack.use(await WebTransportPage.open())
  const origin = `http://localhost:${await freePort()}`
  const webTransport = await relay.webTransport()
  return {
    arrive: () => page.arrivals({ origin, way: 'webtransport', webTransport }),
    open: () => page.rawOnce(raw),
  }
}

/** From something that begins to happen to connections until a message goes from one to the other again. */
export async function recoveryRows({ rounds }: NetworkScale, wants: Wants): Promise<Row[]> {
  const rows: Row[] = []
  for (const [event, [before, after]] of Object.entries(EVENTS)) {
    if (!wants(`recovery.${event}`)) continue
    const eachMs: number[] = []
    for (let round = 0; round < rounds; round++) {
      await using relay = await Relay.start('--no-app', '--no-webrtc')
      await using middlebox = await Middlebox.before(relay, before)
      await using people = await People.at(middlebox)
      await people.say()
      middlebox.become(after)
      eachMs.push(await people.say())
    }
    rows.push(row(`recovery.${event}`, 'ms', eachMs))
  }
  if (wants('recovery.udp-dropped')) {
    const eachMs: number[] = []
    for (let round = 0; round < rounds; round++) eachMs.push(await udpDropped())
    rows.push(row('recovery.udp-dropped', 'ms', eachMs))
  }
  return rows
}

/** From two people who start to the first message of one to the other. */
export async function firstRows({ rounds }: NetworkScale, wants: Wants): Promise<Row[]> {
  const rows: Row[] = []
  for (const [network, init] of Object.entries(NETWORKS)) {
    if (!wants(`chat.first.${network}`)) continue
    const eachMs: number[] = []
    for (let round = 0; round < rounds; round++) {
      await using relay = await Relay.start('--no-app', '--no-webrtc')
      await using middlebox = await Middlebox.before(relay, init)
      const startMs = performance.now()
      await using people = await People.at(middlebox)
      await people.say()
      eachMs.push(performance.now() - startMs)
    }
    rows.push(row(`chat.first.${network}`, 'ms', eachMs))
  }
  return rows
}
