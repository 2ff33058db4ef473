import type { Connection, PeerId } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import type { RelayRow } from '../../../src/lib/db/schema.ts'
import type { Node } from '../../../src/lib/p2p/node.ts'
import { encodeLengthPrefixed } from '../../../src/lib/p2p/length-prefixed.ts'
import { Pinger } from '../../../src/lib/p2p/ping.ts'
import {
  MAX_LEARNED_FAILURES,
  MAX_LEARNED_RELAYS,
  MAX_RETRY_ALONE_MS,
  MAX_RETRY_MS,
  RelayBook,
  TARGET_RESERVATIONS,
} from '../../../src/lib/p2p/relay-book/relay-book.ts'
import { DexieRelayStore, type RelayStore } from '../../../src/lib/p2p/relay-book/store.ts'
import { peerIdOf } from '../../../src/lib/protocol/ids.ts'
import { StorageFullError } from '../../../src/lib/protocol/errors.ts'
import { RELAY_STATUS, type RelayStatusAnswer } from '../../../src/lib/protocol/relay-status.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'
import { LARGER, silent, SMALLER } from './fake-network.ts'

/** Relays at any address, each of which is there and gives a place, until it is gone. */
class AnsweringRelays {
  connections: Connection[] = []
  /** What each says of itself when asked, and then they answer pings too; by default they are silent. */
  says: RelayStatusAnswer | null = null
  readonly #known: string[] = []
  #onRemoved = (): void => undefined

  connect([remoteAddr]: readonly Multiaddr[]): Promise<Connection> {
    const address = String(remoteAddr)
    if (!this.#known.includes(address)) this.#known.push(address)
    const peer = peerIdOf(new Uint8Array(32).fill(this.#known.indexOf(address)))
    const connection: Connection = {
      id: peer,
      status: 'open',
      abort: () => Object.assign(connection, { status: 'aborted' }),
      streams: [],
      remotePeer: { toString: () => peer },
      remoteAddr,
      newStream: (protocol: string) => this.#open(protocol),
    } as unknown as Connection
    this.connections.push(connection)
    return Promise.resolve(connection)
  }

  async #open(protocol: string): Promise<unknown> {
    const { says } = this
    if (says === null) return { close: () => Promise.resolve() }
    const [near, far] = await streamPair({ protocol })
    far.addEventListener('message', ({ data }) => {
      const isStatus = protocol === RELAY_STATUS.protocol
      far.send(isStatus ? encodeLengthPrefixed(RELAY_STATUS.response.encode(says)) : data)
    })
    return near
  }

  addRelay(): Promise<void> {
    return Promise.resolve()
  }

  hasReservation(peer: PeerId): boolean {
    return this.connections.some(({ remotePeer }) => remotePeer === peer)
  }

  addEventListener(_type: 'relay:removed', listener: () => void): void {
    this.#onRemoved = listener
  }

  /** The one that answered first goes. */
  goAway(): void {
    this.connections.shift()
    this.#onRemoved()
  }
}

/** A book whose relays all refuse to be dialled, or all answer. */
async function aBook(init: {
  origin: string | null
  offline?: boolean
  full?: boolean
  answers?: AnsweringRelays
  /** Before any answers; may refuse. */
  dialled?: (host: string) => Promise<void>
  /** Kept since an earlier start. */
  kept?: RelayRow[]
  /** Where they are kept; in memory by default. */
  store?: RelayStore
}) {
  const clock = new ManualClock()
  const rows = new Map((init.kept ?? []).map((row) => [row.address, row]))
  const browser = { offline: init.offline ?? false, hidden: false }
  const disk = { full: init.full ?? false }
  let dials = 0
  const book = new RelayBook(
    {
      store: init.store ?? {
        all: () => Promise.resolve([...rows.values()]),
        put: (row) => {
          if (disk.full) return Promise.reject(new StorageFullError('full'))
          rows.set(row.address, row)
          return Promise.resolve()
        },
        delete: (address) => {
          if (disk.full) return Promise.reject(new StorageFullError('full'))
          rows.delete(address)
          return Promise.resolve()
        },
      },
      ways: {
        connect: async ({ host, multiaddrs }) => {
          dials += 1
          await init.dialled?.(host)
          return init.answers?.connect(multiaddrs) ?? Promise.reject(new Error('no way'))
        },
        connectBeside: () => Promise.resolve(null),
        isBetter: () => false,
        lasted: () => undefined,
      },
      links: {
        aside: async (_peer, _path, dial) => {
          await dial()
          return null
        },
      },
      pinger: new Pinger(clock),
      browser,
      clock,
      random: systemRandom,
      log: silent,
    },
    { origin: init.origin },
  )
  const node = {
    libp2p: { getConnections: () => init.answers?.connections ?? [] },
    reservations: init.answers ?? { addEventListener: () => undefined },
    useFirst: (connection: Connection) => {
      init.answers?.connections.sort((a, b) => Number(b === connection) - Number(a === connection))
    },
  } as unknown as Node
  await book.attach(node)
  await settled()
  return { book, clock, rows, browser, disk, dials: () => dials }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function to(peer: string): Connection {
  return { remotePeer: { toString: () => peer } } as Connection
}

test('a relay that does not answer is tried again by and by', async () => {
  const { book, clock, dials } = await aBook({ origin: 'https://relay.example' })
  expect(dials()).toBe(1)
  clock.advance(1_000)
  await settled()
  expect(dials()).toBe(2)
  book.detach()
  expect(clock.pending).toBe(0)
})

test('while the browser is offline each relay is tried once, and at once when woken', async () => {
  const { book, clock, browser, dials } = await aBook({
    origin: 'https://relay.example',
    offline: true,
  })
  await book.add('other.example')
  await settled()
  clock.advance(60 * 60_000)
  await settled()
  expect(dials()).toBe(2)
  expect(book.state).toBe('offline')
  expect(clock.pending).toBe(0)
  browser.offline = false
  book.wake()
  await settled()
  expect(dials()).toBe(4)
  book.detach()
})

test('one that refuses at once does not stand for all while another has not answered', async () => {
  const answer = Promise.withResolvers<undefined>()
  const { book } = await aBook({
    origin: 'https://slow.example',
    answers: new AnsweringRelays(),
    dialled: (host) =>
      host === 'slow.example' ? answer.promise : Promise.reject(new Error('no way')),
  })
  await book.add('dead.example')
  await settled()
  expect(book.statuses()).toMatchObject([{ state: 'connecting' }, { state: 'unreachable' }])
  expect(book.state).toBe('starting')

  answer.resolve(undefined)
  await settled()
  expect(book.state).toBe('online')
  book.detach()
})

test('without any relay there is nothing to wait for', async () => {
  const { book } = await aBook({ origin: null })
  expect(book.state).toBe('offline')
  book.detach()
})

test('a relay that answers somebody else is asked for a place at once', async () => {
  const answers = new AnsweringRelays()
  let down = false
  const { book } = await aBook({
    origin: 'https://relay.example',
    answers,
    dialled: () => (down ? Promise.reject(new Error('no way')) : Promise.resolve()),
  })
  down = true
  answers.goAway()
  book.wake()
  await settled()
  expect(book.state).toBe('offline')

  down = false
  await book.connect('relay.example')
  await settled()

  expect(book.state).toBe('online')
  book.detach()
})

test('where a spare connection is left, the place is asked for over it at once', async () => {
  const answers = new AnsweringRelays()
  const { book, dials } = await aBook({ origin: 'https://relay.example', answers })
  await answers.connect([answers.connections[0]!.remoteAddr])
  answers.hasReservation = () => false
  const told: string[] = []
  for (const type of ['lost', 'reserved'] as const) {
    book.addEventListener(type, () => told.push(type))
  }
  answers.goAway()
  await settled()
  expect(told).toEqual(['reserved'])
  expect(dials()).toBe(1)
})

/** What a book tells of its places, in order. */
function toldBy(book: RelayBook): string[] {
  const told: string[] = []
  for (const type of ['lost', 'reserved'] as const) {
    book.addEventListener(type, () => told.push(type))
  }
  book.addEventListener('moved', ({ detail: { from } }) => told.push(`left ${from}`))
  return told
}

test('where connections may be dead, a relay that does not answer is used over another before the first has ended', async () => {
  const answers = new AnsweringRelays()
  const { book, dials } = await aBook({ origin: 'https://relay.example', answers })
  const [dead] = answers.connections
  const told = toldBy(book)
  book.wake()
  await settled()
  expect([dials(), told]).toEqual([1, []])
  book.wake(true)
  book.wake(true)
  await settled()
  expect(dials()).toBe(2)
  expect(told).toEqual(['left the dead'])
  expect(answers.connections[1]).toBe(dead)
  expect(book.reservedConnections()).toEqual([answers.connections[0]])
  book.detach()
})

test('a relay that cannot be dialled in the first moment on another network is so again, until one has answered', async () => {
  const answers = new AnsweringRelays()
  let fails = 0
  const { book, clock, dials } = await aBook({
    origin: 'https://relay.example',
    answers,
    dialled: () => {
      fails -= 1
      return fails >= 0 ? Promise.reject(new Error('no route')) : Promise.resolve()
    },
  })
  const told = toldBy(book)
  fails = 3
  book.wake(true)
  while (told.length === 0) {
    await settled()
    clock.advance(100)
  }
  expect(dials()).toBe(5)
  expect(told).toEqual(['left the dead'])
  fails = 1
  book.wake(true)
  await settled()
  book.detach()
  expect(clock.pending).toBe(0)
})

test('one that answers is used on, and what was dialled beside it ends', async () => {
  const answers = new AnsweringRelays()
  answers.says = { upMs: 60_000, loadPercent: 20, copies: null }
  const late = Promise.withResolvers<undefined>()
  let isFirst = true
  const { book, dials } = await aBook({
    origin: 'https://relay.example',
    answers,
    dialled: async () => {
      if (!isFirst) await late.promise
      isFirst = false
    },
  })
  const told = toldBy(book)
  book.wake(true)
  await settled()
  late.resolve(undefined)
  await settled()
  expect(dials()).toBe(2)
  expect(told).toEqual([])
  expect(answers.connections.map(({ status }) => status)).toEqual(['open', 'aborted'])
  book.detach()
})

test('one that ends while it is dialled anew gives a place again over that connection', async () => {
  const answers = new AnsweringRelays()
  const late = Promise.withResolvers<undefined>()
  let isFirst = true
  const { book, dials } = await aBook({
    origin: 'https://relay.example',
    answers,
    dialled: async () => {
      if (!isFirst) await late.promise
      isFirst = false
    },
  })
  const told = toldBy(book)
  book.wake(true)
  const [dead] = answers.connections
  Object.assign(dead!, { status: 'aborted' })
  answers.goAway()
  await settled()
  // Whoever wants the relay waits for the one that is being dialled.
  const wanted = book.connect('relay.example')
  late.resolve(undefined)
  await settled()
  expect(await wanted).toBe(answers.connections[0])
  expect(dials()).toBe(2)
  expect(told).toEqual(['lost', 'reserved'])
  book.detach()
})

test('a relay was last connected when it was lost, not when it was found', async () => {
  const answers = new AnsweringRelays()
  const { book, clock, rows } = await aBook({ origin: 'https://relay.example', answers })
  await settled()
  expect(book.state).toBe('online')
  clock.advance(30 * 60_000)

  answers.goAway()
  await settled()

  expect(rows.get('relay.example')?.lastConnectedAtMs).toBe(clock.now())
  expect(book.statuses()).toMatchObject([{ lastConnectedAtMs: clock.now() }])
  book.detach()
})

test('as many relays as needed give a place, and another when one of them is lost', async () => {
  const answers = new AnsweringRelays()
  const { book, dials } = await aBook({ origin: null, answers })
  for (let n = 0; n <= TARGET_RESERVATIONS; n += 1) {
    await book.add(`relay-${n}.example`)
    await settled()
  }
  const states = () => book.statuses().map(({ state }) => state)
  const places = Array<string>(TARGET_RESERVATIONS).fill('reserved')
  expect(states()).toEqual([...places, 'idle'])
  expect(dials()).toBe(TARGET_RESERVATIONS)

  answers.goAway()
  await settled()

  expect(states()).toEqual(['idle', ...places])
  book.detach()
})

test('a relay that led to somebody is kept, once, and not against the will of the person', async () => {
  const { book, rows } = await aBook({ origin: null })
  await book.keep('friend.example', to(SMALLER))
  await book.keep('friend.example', to(SMALLER))
  expect([...rows.values()]).toMatchObject([{ address: 'friend.example', source: 'learned' }])
  await book.remove('friend.example')
  await book.keep('friend.example', to(LARGER))
  expect(book.statuses()).toEqual([])
  book.detach()
})

test('a relay learned elsewhere that serves the page is said to', async () => {
  const { book, rows } = await aBook({ origin: 'https://relay.example' })
  book.detach()
  const kept = [...rows.values()].map((row) => ({ ...row, source: 'learned' as const }))

  const again = await aBook({ origin: 'https://relay.example', kept })

  expect(again.book.statuses()).toMatchObject([{ source: 'origin' }])
  expect([...again.rows.values()]).toMatchObject([{ source: 'origin' }])
  again.book.detach()
})

test('as many relays are learned as allowed; a person may add more', async () => {
  const { book, rows } = await aBook({ origin: null })
  for (let n = 0; n <= MAX_LEARNED_RELAYS; n += 1) {
    await book.keep(`relay-${n}.example`, to(LARGER))
  }
  expect(rows.size).toBe(MAX_LEARNED_RELAYS)
  expect(rows.has(`relay-${MAX_LEARNED_RELAYS}.example`)).toBe(false)
  await book.add('mine.example')
  expect(rows.size).toBe(MAX_LEARNED_RELAYS + 1)
  book.detach()
})

test('a learned relay is forgotten when it failed as often in a row as allowed, not before', async () => {
  const { book, clock, rows, dials } = await aBook({ origin: null })
  await book.keep('friend.example', to(SMALLER))
  await settled()
  while (dials() < MAX_LEARNED_FAILURES - 1) {
    clock.advance(MAX_RETRY_ALONE_MS)
    await settled()
  }
  expect([...rows.keys()]).toEqual(['friend.example'])
  clock.advance(MAX_RETRY_ALONE_MS)
  await settled()
  expect([...rows.keys()]).toEqual([])
  expect(clock.pending).toBe(0)
  book.detach()
})

test('where nothing can be written, relays are tried all the same', async () => {
  const { book, clock, dials } = await aBook({ origin: 'https://relay.example', full: true })
  expect(dials()).toBe(1)
  clock.advance(1_000)
  await settled()
  expect(dials()).toBe(2)
  book.detach()
})

test('a relay added or taken out where nothing can be written is so until the next start', async () => {
  const { book, dials } = await aBook({ origin: null, full: true })
  await expect(book.add('relay.example')).rejects.toThrow(StorageFullError)
  await settled()
  expect(dials()).toBe(1)
  await expect(book.remove('relay.example')).rejects.toThrow(StorageFullError)
  expect(book.statuses()).toEqual([])
  book.detach()
})

test('others are tried on when a hopeless relay cannot be struck off the book', async () => {
  const { book, clock, disk, dials } = await aBook({ origin: 'https://relay.example' })
  await book.keep('friend.example', to(SMALLER))
  disk.full = true
  for (let failures = 0; failures < MAX_LEARNED_FAILURES; failures += 1) {
    await settled()
    clock.advance(MAX_RETRY_ALONE_MS)
  }
  await settled()
  const before = dials()
  expect(book.statuses()).toMatchObject([{ source: 'origin' }])
  clock.advance(MAX_RETRY_ALONE_MS)
  await settled()
  expect(dials()).toBe(before + 1)
  book.detach()
})

/** Relays that answer, one more than as many as needed, of which the last waits. */
async function aFullBook(init: Omit<Parameters<typeof aBook>[0], 'origin'>) {
  const full = await aBook({ origin: null, ...init })
  for (let n = 0; n <= TARGET_RESERVATIONS; n += 1) {
    await full.book.add(`relay-${n}.example`)
    await settled()
  }
  return full
}

const LAST = `relay-${TARGET_RESERVATIONS}.example`

test('a relay that is preferred gives a place beside those that do, and is named first', async () => {
  const { book } = await aFullBook({ answers: new AnsweringRelays() })
  expect(book.reservedHosts()).not.toContain(LAST)

  await book.prefer(LAST, true)
  await settled()

  expect(book.reservedHosts()).toHaveLength(TARGET_RESERVATIONS + 1)
  expect(book.reservedHosts()[0]).toBe(LAST)
  book.detach()
})

test('a relay that is preferred is so after a restart, and tried before others', async () => {
  const store = new DexieRelayStore(memoryDatabase())
  const { book } = await aFullBook({ answers: new AnsweringRelays(), store })
  await book.prefer(LAST, true)
  await settled()
  book.detach()

  const tried: string[] = []
  const again = await aBook({
    origin: null,
    answers: new AnsweringRelays(),
    dialled: (host) => Promise.resolve(void tried.push(host)),
    store,
  })
  await settled()
  expect(tried).toHaveLength(TARGET_RESERVATIONS)
  expect(tried[0]).toBe(LAST)
  expect(again.book.statuses().filter(({ preferred }) => preferred)).toMatchObject([
    { address: LAST, state: 'reserved' },
  ])

  await again.book.prefer(LAST, false)
  again.book.detach()
  expect((await store.all()).filter(({ preferred }) => preferred)).toEqual([])
})

test.each([
  ['does not answer', 'mine.example', TARGET_RESERVATIONS],
  ['is of an operator who gives a place', 'other.relay-0.example', TARGET_RESERVATIONS + 1],
])(
  'for a preferred relay that %s, no more of the others give a place',
  async (_what, mine, all) => {
    const { book, clock } = await aFullBook({
      answers: new AnsweringRelays(),
      dialled: (host) =>
        host === 'mine.example' ? Promise.reject(new Error('no way')) : Promise.resolve(),
    })
    await book.add(mine)
    await book.prefer(mine, true)
    await settled()
    expect(book.reservedHosts()).toHaveLength(all)
    clock.advance(MAX_RETRY_MS)
    await settled()
    expect(book.reservedHosts()).toHaveLength(all)
    book.detach()
  },
)

test('what a relay says of its load, its uptime and its room is told, as it is now', async () => {
  const answers = new AnsweringRelays()
  const copies = { freeBytes: 5_000_000, maxBytesEach: 1_000_000 }
  answers.says = { upMs: 60_000, loadPercent: 20, copies }
  const { book } = await aBook({ origin: 'https://relay.example', answers })
  const said = () => book.statuses()[0]?.said
  await expect.poll(said).toEqual(answers.says)
  expect(book.statuses()).toMatchObject([{ latencyMs: 0 }])

  answers.says = { upMs: 90_000, loadPercent: 80, copies: null }
  await book.measure()
  expect(said()).toEqual(answers.says)
  book.detach()
})
