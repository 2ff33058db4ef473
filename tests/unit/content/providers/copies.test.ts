import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentIdOf, type ContentId } from '#lib/content/content-id.ts'
import {
  LOOK_MS,
  RelayCopies,
  RETRY_MS,
  SETTLE_MS,
  VISIT_MS,
  type Wish,
} from '#lib/content/providers/copies.ts'
import type { CopiesResponse } from '#lib/protocol/copies.ts'
import {
  FakeNetwork,
  settled,
  silentLogger,
  type FakeHost,
} from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const DAY_MS = 24 * 60 * 60_000
const SONGS = contentIdOf(new Uint8Array(32).fill(1))
const FULL: CopiesResponse = { type: 'refused', reason: 'full' }
const keeping = (complete: boolean, taken = 0): CopiesResponse => ({
  ...{ type: 'keeping', untilMs: DAY_MS, complete, taken },
})

let clock: ManualClock
let host: FakeHost
let wishes: Wish[]
let copies: RelayCopies
/** Whom what was asked. */
let asked: { relay: string; type: string }[]
let heard: { content: ContentId; taken: number }[]
let answer: (relay: string) => CopiesResponse

beforeEach(async () => {
  const me = await signerOf(1)
  clock = new ManualClock()
  host = new FakeNetwork().host(me.peer)
  wishes = []
  asked = []
  heard = []
  answer = () => FULL
  host.network.answers = (relay, _protocol, request) => {
    asked.push({ relay, type: (request as { type: string }).type })
    return Promise.resolve(answer(relay))
  }
  const { network, peers } = host
  copies = new RelayCopies(
    { network, peers, clock, log: silentLogger },
    {
      wishes: () => wishes,
      changed: (content, { taken }) => heard.push({ content, taken }),
    },
  )
  copies.start()
})

afterEach(() => {
  copies.stop()
  expect(clock.pending).toBe(0)
})

function wish(over: Partial<Wish> = {}): void {
  wishes = [{ content: SONGS, bytes: 3_000_000, fromMs: 0, untilMs: DAY_MS, ...over }]
  copies.look()
}

async function pass(ms: number): Promise<typeof asked> {
  asked.length = 0
  clock.advance(ms)
  await settled()
  return asked
}

test('without anything to be kept no clock runs and nobody is asked', async () => {
  host.peers.relays = ['one.example']
  host.network.changed()
  expect(clock.pending).toBe(0)
  expect(await pass(DAY_MS)).toEqual([])
})

test('one relay gets it and keeps it; it is looked at often, then seldom', async () => {
  host.peers.relays = ['one.example', 'two.example']
  answer = () => keeping(false)
  wish()
  expect(await pass(SETTLE_MS)).toEqual([{ relay: 'one.example', type: 'keep' }])
  expect(copies.status(SONGS)).toMatchObject({ state: 'sending', relay: 'one.example' })
  answer = () => keeping(true, 1)
  expect(await pass(LOOK_MS)).toHaveLength(1)
  expect(copies.status(SONGS)).toMatchObject({ state: 'kept', relay: 'one.example' })
  expect(heard.at(-1)).toEqual({ content: SONGS, taken: 1 })
  expect(await pass(VISIT_MS - SETTLE_MS)).toEqual([])
  expect(await pass(SETTLE_MS)).toHaveLength(1)
})

test('a relay that says that it keeps no copies is not asked', async () => {
  host.peers.relays = ['none.example', 'some.example']
  host.network.reserved = ['none.example', 'some.example']
  host.network.said = {
    'none.example': { upMs: 1, loadPercent: 0, copies: null },
    'some.example': { upMs: 1, loadPercent: 0, copies: { freeBytes: 9, maxBytesEach: 9 } },
  }
  answer = () => keeping(true)
  wish()
  expect(await pass(SETTLE_MS)).toEqual([{ relay: 'some.example', type: 'keep' }])
})

test('while no relay takes it, they are asked less and less often', async () => {
  host.peers.relays = ['one.example']
  wish()
  expect(await pass(SETTLE_MS)).toHaveLength(1)
  expect(copies.status(SONGS)).toMatchObject({ state: 'full', relay: null })
  for (let pauseMs = RETRY_MS.first; pauseMs < RETRY_MS.max; pauseMs *= 2) {
    expect(await pass(pauseMs - SETTLE_MS)).toEqual([])
    expect(await pass(SETTLE_MS)).toHaveLength(1)
  }
  expect(await pass(RETRY_MS.max - SETTLE_MS)).toEqual([])
  expect(await pass(SETTLE_MS)).toHaveLength(1)
})

test('a relay that is new is asked at once', async () => {
  host.peers.relays = ['one.example']
  wish()
  await pass(SETTLE_MS)
  host.peers.relays = ['one.example', 'two.example']
  answer = (relay) => (relay === 'two.example' ? keeping(true) : FULL)
  host.network.changed()
  expect((await pass(SETTLE_MS)).map(({ relay }) => relay)).toEqual(['one.example', 'two.example'])
  expect(copies.status(SONGS)).toMatchObject({ state: 'kept', relay: 'two.example' })
})

test('nobody is asked before it is time', async () => {
  host.peers.relays = ['one.example']
  answer = () => keeping(true)
  wish({ fromMs: clock.now() + 10_000 })
  expect(await pass(10_000 - SETTLE_MS)).toEqual([])
  expect(await pass(SETTLE_MS)).toHaveLength(1)
})

test('what is wanted no more is taken back from who has it', async () => {
  host.peers.relays = ['one.example', 'two.example']
  answer = (relay) => (relay === 'two.example' ? keeping(true) : FULL)
  wish()
  await pass(SETTLE_MS)
  wishes = []
  answer = () => ({ type: 'released' })
  asked.length = 0
  await copies.release(SONGS)
  expect(asked).toEqual([{ relay: 'two.example', type: 'release' }])
  expect(await pass(DAY_MS)).toEqual([])
})
