import type { Connection } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { encodeLengthPrefixed } from '../../../../src/lib/p2p/length-prefixed.ts'
import {
  ICE_PATIENCE_MS,
  ICE_RETRY_MS,
  IceServers,
  MAX_ICE_RELAYS,
} from '../../../../src/lib/p2p/rtc/ice-servers.ts'
import { ICE, type IceResponse } from '../../../../src/lib/protocol/ice.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { silent } from '../fake-network.ts'
import { eventually } from '../../../fixtures/eventually.ts'

const LIFE_MS = 60 * 60_000

const ANSWER: IceResponse = {
  type: 'servers',
  servers: [
    { scheme: 'stun', host: null, port: 3478, transport: 'udp' },
    { scheme: 'turn', host: null, port: 3478, transport: 'udp' },
    { scheme: 'turns', host: 'turn.example', port: 443, transport: 'tcp' },
  ],
  username: '1:handle',
  password: 'first',
  lifeMs: LIFE_MS,
}

/** A relay that answers when a test lets it. */
class FakeRelay {
  asked = 0
  /** Null: it says nothing, for as long as anybody waits. */
  answer: IceResponse | Error | null = ANSWER
  readonly connection: Connection

  constructor(name: string) {
    this.connection = {
      remotePeer: { toString: () => name },
      remoteAddr: multiaddr(`/dns4/${name}.example/tcp/8787/ws`),
      newStream: async () => {
        this.asked += 1
        const { answer } = this
        if (answer instanceof Error) throw answer
        const [near, far] = await streamPair({ protocol: ICE.protocol })
        if (answer !== null) {
          far.addEventListener('message', () => {
            far.send(encodeLengthPrefixed(ICE.response.encode(answer)))
          })
        }
        return near
      },
    } as unknown as Connection
  }
}

function setUp(...names: string[]) {
  const clock = new ManualClock()
  const relays = names.map((name) => new FakeRelay(name))
  const connections = relays.map(({ connection }) => connection)
  const ice = new IceServers({ clock, log: silent, connections: () => connections })
  ice.start()
  const learn = (): void => {
    for (const name of names) ice.learn(name)
  }
  const passwords = async () =>
    (await ice.configuration()).iceServers.flatMap(({ credential }) => credential ?? [])
  return { clock, relays, connections, ice, learn, passwords }
}

const servers = (name: string) => [
  { urls: [`stun:${name}.example:3478`] },
  {
    urls: [`turn:${name}.example:3478?transport=udp`, 'turns:turn.example:443?transport=tcp'],
    username: '1:handle',
    credential: 'first',
  },
]

test('a connection is made with the servers of my relays, found where the relay is', async () => {
  const { ice, learn } = setUp('one')
  expect(await ice.configuration()).toEqual({ iceServers: [] })
  learn()
  expect(await ice.configuration()).toEqual({ iceServers: servers('one') })
})

test('a relay of which nothing is known is asked what it offers, and that is waited for', async () => {
  const { ice, relays } = setUp('one')
  const [one] = relays as [FakeRelay]
  one.answer = { ...ANSWER, servers: [] }
  expect(await ice.of(one.connection)).toEqual([])
  one.answer = ANSWER
  expect(await ice.of(one.connection)).toEqual(servers('one'))
  expect(await ice.of(one.connection)).toEqual(servers('one'))
  expect(one.asked).toBe(2)
})

test('a relay that has just lost my place says what it offers all the same', async () => {
  const { ice, relays, connections } = setUp('one')
  const [{ connection }] = relays as [FakeRelay]
  connections.length = 0
  expect(await ice.of(connection)).toEqual(servers('one'))
})

test('with those of so many relays and no more, the first of them', async () => {
  const { ice, learn, relays } = setUp('one', 'two', 'three')
  expect(relays.length).toBeGreaterThan(MAX_ICE_RELAYS)
  learn()
  await eventually(async () => {
    expect((await ice.configuration()).iceServers).toEqual([...servers('one'), ...servers('two')])
  })
})

test('one that is not mine now is not used', async () => {
  const { ice, learn, connections, passwords } = setUp('one')
  learn()
  expect(await passwords()).toEqual(['first'])
  connections.pop()
  expect(await ice.configuration()).toEqual({ iceServers: [] })
})

test('they are asked for again at half of their life', async () => {
  const { clock, learn, relays, passwords } = setUp('one')
  learn()
  expect(await passwords()).toEqual(['first'])
  relays[0]!.answer = { ...ANSWER, password: 'second' }
  clock.advance(LIFE_MS / 2 - 1)
  expect(relays[0]!.asked).toBe(1)
  clock.advance(1)
  await eventually(async () => {
    expect(await passwords()).toEqual(['second'])
  })
})

test('after a sleep past their end none is used that has expired', async () => {
  const { clock, learn, relays, passwords } = setUp('one')
  learn()
  expect(await passwords()).toEqual(['first'])
  relays[0]!.answer = { ...ANSWER, password: 'second' }
  clock.sleep(LIFE_MS)
  expect(await passwords()).toEqual(['second'])
})

test('a relay that is slow holds nothing up for long', async () => {
  const { clock, ice, learn, relays } = setUp('one')
  relays[0]!.answer = null
  learn()
  const made = ice.configuration()
  await eventually(() => {
    expect(relays[0]!.asked).toBe(1)
  })
  clock.advance(ICE_PATIENCE_MS)
  expect(await made).toEqual({ iceServers: [] })
})

test.each<[string, IceResponse | Error]>([
  ['is busy', { type: 'refused', reason: 'busy' }],
  ['fails', new Error('reset')],
])('one that %s is asked again, and what it said before holds', async (_, failure) => {
  const { clock, learn, relays, passwords } = setUp('one')
  learn()
  expect(await passwords()).toEqual(['first'])
  relays[0]!.answer = failure
  clock.advance(LIFE_MS / 2)
  await eventually(() => {
    expect(relays[0]!.asked).toBe(2)
  })
  expect(await passwords()).toEqual(['first'])
  relays[0]!.answer = { ...ANSWER, password: 'second' }
  // The failure may still be on its way.
  await eventually(async () => {
    clock.advance(ICE_RETRY_MS)
    expect(await passwords()).toEqual(['second'])
  })
})

test('where no relay of mine has any, those of one that was asked for help serve until they expire', async () => {
  const { clock, ice, learn, connections, passwords } = setUp('one')
  const { servers: places, username } = ANSWER
  const helps = { servers: places, username, password: 'helps', lifeMs: LIFE_MS }
  ice.hear({ ice: helps, host: 'helper.example' })
  expect(await ice.configuration()).toEqual({
    iceServers: servers('helper').map((each) =>
      'credential' in each ? { ...each, credential: 'helps' } : each,
    ),
  })
  ice.hear({ ice: null, host: 'other.example' })
  learn()
  await eventually(async () => {
    expect(await passwords()).toEqual(['first'])
  })
  connections.pop()
  expect(await passwords()).toEqual(['helps'])
  clock.advance(LIFE_MS)
  expect(await passwords()).toEqual([])
})

test('one that does not know the question is left alone, and once stopped no timer is left', async () => {
  const { clock, ice, learn, relays, passwords } = setUp('one')
  relays[0]!.answer = Object.assign(new Error('no'), { name: 'UnsupportedProtocolError' })
  learn()
  expect(await passwords()).toEqual([])
  expect(clock.pending).toBe(0)
  relays[0]!.answer = ANSWER
  learn()
  expect(await passwords()).toEqual(['first'])
  expect(clock.pending).toBe(1)
  ice.stop()
  expect(clock.pending).toBe(0)
  learn()
  expect(await passwords()).toEqual([])
})
