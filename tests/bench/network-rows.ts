/** Rows of the ways to a relay, and of what becomes of people where a box in the middle breaks some (docs/CONNECTIVITY.md). */
import { Middlebox, type MiddleboxInit } from '../support/middlebox.ts'
import { Relay } from '../support/relay.ts'
import { median } from '../support/trend.ts'
import { compared, interleaved, type Round, type Row, row } from './measure.ts'
import { arrivals, People } from './people.ts'
import { RawServer, type RawWay } from './raw-ways.ts'
import { BENCHED_WAYS, type BenchedWay, PING_BYTES, WayTo } from './ways.ts'

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
const LEADS_TO: Readonly<Record<BenchedWay, MiddleboxInit>> = {
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
export const CONNECT_ROWS = Object.keys(LEADS_TO).flatMap((way) => [
  `connect.cold.${way}`,
  `connect.warm.${way}`,
])
export const RECOVERY_ROWS = Object.keys(EVENTS).map((event) => `recovery.${event}`)
export const FIRST_ROWS = Object.keys(NETWORKS).map((network) => `chat.first.${network}`)

/** Round trips and throughput of each way, beside a raw connection of its kind; and what a relay is charged for a megabyte. */
export async function wayRows(
  { rounds, echoes, bytes }: NetworkScale,
  wants: Wants,
): Promise<Row[]> {
  await using raw = await RawServer.start()
  await using relay = await Relay.start('--no-app', '--no-webrtc')
  const rows: Row[] = []
  const chargedPerMegabyte: number[] = []
  for (const way of BENCHED_WAYS) {
    const isCharged = way === 'websocket' && wants('relay.cpu-per-mb')
    if (!isCharged && !wants(`message.rtt.${way}`) && !wants(`throughput.${way}`)) continue
    await using ours = await WayTo.open(relay, way)
    await using other = await raw.open(way)
    const against = `raw ${way}`
    const inRounds = async (one: () => Promise<number>, two: () => Promise<number>) => {
      const results: Round[] = []
      // One before those that count: code is compiled.
      for (let turn = 0; turn <= rounds; turn++) results.push(await interleaved(turn, one, two))
      return results.slice(1)
    }
    if (wants(`message.rtt.${way}`)) {
      const both = await inRounds(
        () => ours.roundTrip(echoes),
        () => rawRoundTrip(other, echoes),
      )
      rows.push(...compared(`message.rtt.${way}`, 'ms', against, both))
    }
    if (isCharged || wants(`throughput.${way}`)) {
      const rate = (ms: number): number => bytes / MEGABYTE / (ms / 1_000)
      const both = await inRounds(
        async () => {
          const { ms, relayMs } = await ours.fetch(bytes)
          if (isCharged) chargedPerMegabyte.push(relayMs / (bytes / MEGABYTE))
          return rate(ms)
        },
        async () => {
          const startMs = performance.now()
          await other.bytes(bytes)
          return rate(performance.now() - startMs)
        },
      )
      rows.push(...compared(`throughput.${way}`, 'MB/s', against, both))
    }
  }
  if (chargedPerMegabyte.length > 0) rows.push(row('relay.cpu-per-mb', 'ms', chargedPerMegabyte))
  return rows
}

async function rawRoundTrip(way: RawWay, echoes: number): Promise<number> {
  const eachMs: number[] = []
  for (let echo = 0; echo < echoes; echo++) {
    const startMs = performance.now()
    await way.echo(new Uint8Array(PING_BYTES))
    eachMs.push(performance.now() - startMs)
  }
  return median(eachMs)
}

/** From the start of a node to a place at the relay, where a network leads to this way: known from the last time, and not. */
export async function connectRows({ rounds }: NetworkScale, wants: Wants): Promise<Row[]> {
  const rows: Row[] = []
  for (const [way, init] of Object.entries(LEADS_TO)) {
    if (!wants(`connect.cold.${way}`) && !wants(`connect.warm.${way}`)) continue
    await using stack = new AsyncDisposableStack()
    const relay = stack.use(await Relay.start('--no-app', '--no-webrtc'))
    const middlebox = stack.use(await Middlebox.before(relay, init))
    const raw = stack.use(await RawServer.start())
    const cold: Round[] = []
    const warm: Round[] = []
    const open = async (): Promise<number> => {
      const startMs = performance.now()
      await using opened = await raw.open(way as BenchedWay)
      await opened.echo(new Uint8Array(PING_BYTES))
      return performance.now() - startMs
    }
    for (let turn = 0; turn < rounds; turn++) {
      const other = await open()
      const { coldMs, warmMs } = await arrivals(middlebox.origin)
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
