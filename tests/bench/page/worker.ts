/// <reference lib="webworker" />
import { AesRowCipher } from '../../../src/lib/crypto/aes-row-cipher.ts'
import { createSecrets, openIdentity } from '../../../src/lib/crypto/identity.ts'
import { StarlingDatabase } from '../../../src/lib/db/schema.ts'
import type { Channel, P2P } from '../../../src/lib/p2p/api.ts'
import { DexiePeerRecordStore } from '../../../src/lib/p2p/discovery/record-store.ts'
import { LogRing } from '../../../src/lib/p2p/log-ring.ts'
import { DexieRelayStore } from '../../../src/lib/p2p/relay-book/store.ts'
import { DexieNetworkStore } from '../../../src/lib/p2p/ways/store.ts'
import { RtcBridge, type RtcTab } from '../../../src/lib/p2p/rtc/rtc-bridge.ts'
import { parsePeerId, type PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { systemClock, systemRandom } from '../../../src/lib/protocol/seams.ts'
import { history, unlock } from './history.ts'
import { CappedChannels } from './capped-channels.ts'
import { ratchet, RatchetEnd } from './ratchet.ts'
import { timeEach } from './time-each.ts'
import { DATABASE_KEY, hashRate, Transfers } from './transfers.ts'
import {
  ANSWER,
  BULK,
  CHUNK_BYTES,
  ECHO,
  LAST,
  OPEN,
  type Sealed,
  type ToTab,
  type ToWorker,
} from './messages.ts'

declare const self: SharedWorkerGlobalScope

const PROTOCOL = '/starling/bench/1.0.0'

/** Chunks an exchange hashes at once, when a source is faster than it. */
const HASHES_AT_ONCE = 4

/** How often a word is said again until it is heard. */
const AGAIN_MS = 20

/** Two nodes that want each other are connected directly by then, also on a busy machine. */
const MEET_TIMEOUT_MS = 120_000

const bridge = new RtcBridge()
bridge.install(globalThis)

let node: P2P | null = null
/** Direct channels, by peer, once they are there. */
const direct = new Map<PeerIdString, PromiseWithResolvers<Channel>>()
/** The newest channel to a peer, direct or through the relay. */
const newest = new Map<PeerIdString, Channel>()
/** Whom echoes are asked of: who was met last. */
let partner: PeerIdString | null = null
/** What is shared here leaves by these. */
let channels: CappedChannels | null = null
let transfers: Transfers | null = null
let answered = Promise.withResolvers<Uint8Array>()
/** Words said so far. */
let said = 0

/** Of the worker that asks for echoes, and of the one that gives them. */
const asking = new RatchetEnd('first')
const answering = new RatchetEnd('second')

self.onconnect = ({ ports }) => {
  const port = ports[0]!
  const post = (message: ToTab, transfer: Transferable[] = []): void => {
    port.postMessage(message, transfer)
  }
  const tab: RtcTab = {
    id: 'bench',
    webrtc: true,
    visible: true,
    post: (message, transfer) => {
      post({ type: 'rtc', message }, transfer)
    },
  }
  bridge.add(tab)
  port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.type === 'rtc') {
      bridge.receive(tab, data.message)
      return
    }
    run(data).then(
      (value) => {
        post({ type: 'answer', value })
      },
      (error: unknown) => {
        post({ type: 'failure', text: String(error) })
      },
    )
  }
}

async function run(order: Exclude<ToWorker, { type: 'rtc' }>): Promise<unknown> {
  switch (order.type) {
    case 'start':
      return start(order.relay)
    case 'meet':
      partner = parsePeerId(order.peer)
      node?.peers.want(partner, [order.relay])
      await Promise.race([directTo(partner).promise, late()])
      return null
    case 'echo':
      return echo(order.rounds, order.bytes, order.sealed, order.together)
    case 'say':
      return say()
    case 'ratchet':
      return ratchet(order.messages)
    case 'fill':
      return history.fill(order.messages)
    case 'page':
      return history.page(order.rounds)
    case 'search':
      return history.search(order.rounds)
    case 'search-at-once':
      return history.searchAtOnce(order.rounds)
    case 'unlock':
      return unlock(order.rounds)
    case 'bulk':
      return bulk(order.bytes)
    case 'share':
      return transfers?.share(order.bytes)
    case 'get':
      return transfers?.get(order.wanted)
    case 'keep':
      return transfers?.keep(order.wanted)
    case 'part':
      return transfers?.part(order.wanted)
    case 'check':
      return transfers?.check(order.wanted)
    case 'given':
      return transfers?.given()
    case 'cap':
      return channels?.cap(order.bytesPerSecond)
    case 'hash':
      return hashRate(order.bytes, HASHES_AT_ONCE)
    case 'web-transport':
      // It brings the node, which may only be loaded once the bridge is there.
      return (await import('./web-transport.ts')).obey(order.order)
  }
}

/** Else a bench in which nobody meets would wait for ever. */
function late(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => {
      reject(new Error(`not connected directly within ${MEET_TIMEOUT_MS} ms`))
    }, MEET_TIMEOUT_MS)
  })
}

/** Starts a node with keys of its own; resolves with its peer id once a relay holds a place for it. */
async function start(relay: string): Promise<string> {
  const { p2p } = await import('../../../src/lib/p2p/index.ts')
  const identity = await openIdentity(createSecrets(systemRandom))
  const cipher = new AesRowCipher(DATABASE_KEY, systemRandom)
  const db = new StarlingDatabase(cipher)
  const { loggers } = new LogRing(systemClock)
  node = p2p({ origin: relay })({
    identity,
    clock: systemClock,
    random: systemRandom,
    loggers,
    bridge,
    pages: null,
    relays: new DexieRelayStore(db),
    networks: new DexieNetworkStore(db),
    records: new DexiePeerRecordStore(db),
  })
  await node.channels.handle({
    protocol: PROTOCOL,
    maxFrameBytes: CHUNK_BYTES,
    accept: () => true,
    onChannel: (channel) => {
      void serve(channel)
    },
  })
  channels = new CappedChannels(node.channels)
  transfers = await Transfers.on(channels)
  await node.start()
  const { network } = node
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (network.state === 'online') resolve()
    }
    network.addEventListener('changed', look)
    look()
  })
  return identity.peer
}

async function serve(channel: Channel): Promise<void> {
  newest.set(channel.peer, channel)
  if (channel.path === 'direct') directTo(channel.peer).resolve(channel)
  try {
    for await (const frame of channel.frames()) await hear(channel, frame)
  } catch {
    // Another channel takes its place.
  }
  if (newest.get(channel.peer) === channel) newest.delete(channel.peer)
  if (channel.path === 'direct') direct.delete(channel.peer)
}

async function hear(channel: Channel, frame: Uint8Array): Promise<void> {
  if (frame[0] === ECHO) await channel.send(framed(0, frame.subarray(1)))
  else if (frame[0] === OPEN) await channel.send(framed(0, answering.open(frame.subarray(1))))
  else if (frame[0] === ANSWER) {
    await channel.send(framed(0, answering.seal(answering.open(frame.subarray(1)))))
  } else if (frame[0] === LAST) await channel.send(Uint8Array.of(0))
  else if (frame[0] !== BULK) answered.resolve(frame)
}

function directTo(peer: PeerIdString): PromiseWithResolvers<Channel> {
  const known = direct.get(peer) ?? Promise.withResolvers<Channel>()
  direct.set(peer, known)
  return known
}

function toPartner(): Promise<Channel> {
  if (partner === null) throw new Error('nobody was met')
  return directTo(partner).promise
}

function framed(kind: number, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + body.byteLength)
  frame[0] = kind
  frame.set(body, 1)
  return frame
}

/** Milliseconds of each round trip. */
async function echo(
  rounds: number,
  bytes: number,
  sealed: Sealed,
  together?: number,
): Promise<number[]> {
  const channel = await toPartner()
  const plain = new Uint8Array(bytes)
  const kind = { nothing: ECHO, there: OPEN, both: ANSWER }[sealed]
  return timeEach(
    rounds,
    async () => {
      answered = Promise.withResolvers()
      await channel.send(framed(kind, sealed === 'nothing' ? plain : asking.seal(plain)))
      const answer = await answered.promise
      if (sealed === 'both') asking.open(answer.subarray(1))
    },
    together,
  )
}

/** Milliseconds until something said came back, by whatever channel there is: what is lost on the way is said again. */
async function say(): Promise<number> {
  const startMs = performance.now()
  const word = (said += 1)
  for (let heard = 0; heard !== word;) {
    answered = Promise.withResolvers()
    const channel = partner === null ? undefined : newest.get(partner)
    channel?.send(framed(ECHO, Uint8Array.of(word))).catch(() => undefined)
    const late = new Promise<null>((resolve) => {
      setTimeout(resolve, AGAIN_MS, null)
    })
    const answer = await Promise.race([answered.promise, late])
    heard = answer?.[1] ?? 0
  }
  return performance.now() - startMs
}

/** Milliseconds until the other side has said that all is there. */
async function bulk(bytes: number): Promise<number> {
  const channel = await toPartner()
  const frame = new Uint8Array(CHUNK_BYTES)
  frame[0] = BULK
  answered = Promise.withResolvers()
  const startMs = performance.now()
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) await channel.send(frame)
  await channel.send(Uint8Array.of(LAST))
  await answered.promise
  return performance.now() - startMs
}
