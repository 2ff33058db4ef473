import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentIdOf, manifestHashOf } from '#lib/content/content-id.ts'
import { RENEW_MS, RETRY_MS, SETTLE_MS } from '#lib/content/providers/announcer.ts'
import { FRESH_MS, Revocations, type Held } from '#lib/content/providers/revocations.ts'
import { NoAnswerError } from '#lib/p2p/errors.ts'
import type { ProvidersRequest } from '#lib/protocol/providers.ts'
import {
  revocationKeyOf,
  REVOCATION_LIFE_MS,
  revocationSubjectOf,
  sealRevocation,
} from '#lib/protocol/revocation.ts'
import {
  FakeNetwork,
  settled,
  silentLogger,
  type FakeHost,
} from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const anna = await signerOf(1)
const mallory = await signerOf(2)
const SONGS: Held = {
  content: contentIdOf(new Uint8Array(32).fill(1)),
  sharer: anna.peer,
  relays: ['hers.example'],
}
const FILMS: Held = { ...SONGS, content: contentIdOf(new Uint8Array(32).fill(2)) }

let clock: ManualClock
let host: FakeHost
let held: Held[]
let heard: Held[]
let revocations: Revocations
/** Who was asked, and how far. */
let asked: string[]
/** What each relay answers with. */
let kept: Map<string, Uint8Array[]>
let silent: Set<string>

beforeEach(() => {
  clock = new ManualClock()
  host = new FakeNetwork().host(anna.peer)
  host.peers.relays = ['mine.example']
  held = [SONGS]
  heard = []
  asked = []
  kept = new Map()
  silent = new Set()
  host.network.answers = (relay, _protocol, request) => {
    const find = request as Extract<ProvidersRequest, { type: 'find' }>
    asked.push(`${relay} ${find.scope}`)
    if (silent.has(relay)) return Promise.reject(new NoAnswerError('away'))
    return Promise.resolve({ type: 'providers', records: kept.get(relay) ?? [] })
  }
  const { network, peers } = host
  revocations = new Revocations(
    { network, peers, clock, log: silentLogger },
    {
      held: () => held,
      revoked: (each) => {
        heard.push(each)
        held = held.filter(({ content }) => content !== each.content)
      },
    },
  )
  revocations.start()
})

afterEach(() => {
  revocations.stop()
  expect(clock.pending).toBe(0)
})

async function pass(ms: number): Promise<string[]> {
  asked.length = 0
  clock.advance(ms)
  await settled(20)
  return asked
}

async function revocationOf({ content }: Held, signer = anna): Promise<Uint8Array> {
  return sealRevocation(
    {
      subject: revocationSubjectOf(manifestHashOf(content)),
      peer: signer.peer,
      madeAtMs: clock.now(),
      expiresAtMs: clock.now() + REVOCATION_LIFE_MS,
    },
    signer,
  )
}

test('my relays are asked, and those that may know; one of mine asks others', async () => {
  expect(await pass(SETTLE_MS)).toEqual(['mine.example network', 'hers.example relay'])
  expect(await pass(RENEW_MS - 1)).toEqual([])
  expect(await pass(1)).toHaveLength(2)
})

test('they are asked for what whoever shared it would say, and for nothing that tells who or what', async () => {
  let key: Uint8Array | null = null
  host.network.answers = (_relay, _protocol, request) => {
    key = (request as Extract<ProvidersRequest, { type: 'find' }>).key
    return Promise.resolve({ type: 'providers', records: [] })
  }
  await pass(SETTLE_MS)
  const subject = revocationSubjectOf(manifestHashOf(SONGS.content))
  expect(key).toEqual(revocationKeyOf({ subject, peer: anna.peer }))
})

test('what was taken back is heard of, and asked about no more', async () => {
  kept.set('hers.example', [await revocationOf(SONGS)])
  held = [SONGS, FILMS]
  await pass(SETTLE_MS)
  expect(heard).toEqual([SONGS])
  expect(await pass(RENEW_MS)).toHaveLength(2)
})

test('nobody else can take it back, nor another content in its place', async () => {
  kept.set('mine.example', [await revocationOf(SONGS, mallory), await revocationOf(FILMS)])
  kept.set('hers.example', [new Uint8Array(9)])
  await pass(SETTLE_MS)
  expect(asked).toHaveLength(2)
  expect(heard).toEqual([])
})

test('one whose time is over counts for nothing', async () => {
  kept.set('mine.example', [await revocationOf(SONGS)])
  revocations.stop()
  clock.sleep(REVOCATION_LIFE_MS)
  revocations.start()
  expect(await pass(SETTLE_MS)).toHaveLength(2)
  expect(heard).toEqual([])
})

test('a new relay of mine is asked at once, and what is new here is asked for', async () => {
  await pass(SETTLE_MS)
  host.peers.relays = ['mine.example', 'another.example']
  host.network.changed()
  expect(await pass(SETTLE_MS)).toHaveLength(3)
  held = [FILMS, SONGS]
  revocations.look()
  expect(await pass(SETTLE_MS)).toHaveLength(3)
})

test('that somebody wanted it puts off no other question', async () => {
  await pass(SETTLE_MS)
  await pass(RENEW_MS / 2)
  revocations.wanted(SONGS.content)
  expect(await pass(RENEW_MS / 2 - 1)).toEqual([])
  expect(await pass(1)).toHaveLength(2)
})

test('nobody is asked before a relay of mine is there', async () => {
  host.peers.relays = []
  expect(await pass(RENEW_MS)).toEqual([])
  host.peers.relays = ['mine.example']
  host.network.changed()
  expect(await pass(SETTLE_MS)).toHaveLength(2)
})

test('when no relay answers they are asked again a while later', async () => {
  silent.add('mine.example').add('hers.example')
  expect(await pass(SETTLE_MS)).toHaveLength(2)
  silent.delete('hers.example')
  expect(await pass(RETRY_MS)).toHaveLength(2)
  expect(await pass(RETRY_MS)).toEqual([])
})

test('when somebody wants it from here they are asked, unless it was just now', async () => {
  await pass(SETTLE_MS)
  await pass(FRESH_MS - 1)
  revocations.wanted(SONGS.content)
  expect(asked).toEqual([])
  await pass(1)
  kept.set('mine.example', [await revocationOf(SONGS)])
  revocations.wanted(SONGS.content)
  revocations.wanted(SONGS.content)
  expect(asked).toEqual(['mine.example network', 'hers.example relay'])
  await settled(20)
  expect(heard).toEqual([SONGS])
})

test('nothing is heard any more once it has stopped', async () => {
  const answer = Promise.withResolvers<unknown>()
  host.network.answers = () => answer.promise
  await pass(SETTLE_MS)
  const record = await revocationOf(SONGS)
  revocations.stop()
  answer.resolve({ type: 'providers', records: [record] })
  await settled(20)
  expect(heard).toEqual([])
})
