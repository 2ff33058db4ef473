import { expect, test } from 'vitest'
import {
  type BridgedDataChannel,
  MAX_MESSAGE_BYTES,
} from '../../../../src/lib/p2p/rtc/data-channel.ts'
import type { BridgedPeerConnection } from '../../../../src/lib/p2p/rtc/peer-connection.ts'
import { RtcBridge, type RtcTab } from '../../../../src/lib/p2p/rtc/rtc-bridge.ts'
import { InvalidDataError } from '../../../../src/lib/protocol/errors.ts'
import {
  type FromBridge,
  MAX_CHANNELS,
  MAX_CONNECTIONS,
  type ToBridge,
} from '../../../../src/lib/protocol/rtc-messages.ts'

class FakeTab implements RtcTab {
  readonly id: string
  readonly webrtc: boolean
  visible = false
  readonly told: ToBridge[] = []

  constructor(id: string, webrtc = true) {
    this.id = id
    this.webrtc = webrtc
  }

  post(message: unknown): void {
    this.told.push(message as ToBridge)
  }

  last<T extends ToBridge['type']>(type: T): Extract<ToBridge, { type: T }> {
    const found = this.told.findLast((message) => message.type === type)
    if (found === undefined) throw new Error(`the tab was not told to ${type}`)
    return found as Extract<ToBridge, { type: T }>
  }
}

function bridge(...tabs: FakeTab[]) {
  const bridge = new RtcBridge()
  const scope: { RTCPeerConnection?: new () => BridgedPeerConnection } = {}
  bridge.install(scope)
  for (const tab of tabs) bridge.add(tab)
  let changes = 0
  bridge.addEventListener('changed', () => {
    changes += 1
  })
  const say = (tab: FakeTab, message: FromBridge): void => {
    bridge.receive(tab, message)
  }
  return { bridge, say, changes: () => changes, make: () => new scope.RTCPeerConnection!() }
}

const state = (pc: number, connection: 'connected' | 'disconnected' | 'failed'): FromBridge => ({
  type: 'state',
  pc,
  connection,
  ice: connection,
  gathering: 'complete',
  signaling: 'stable',
})

function eventsOf(
  target: BridgedDataChannel | BridgedPeerConnection,
  ...types: string[]
): string[] {
  const seen: string[] = []
  for (const type of types) target.addEventListener(type, () => seen.push(type))
  return seen
}

test('without a tab that has WebRTC every call of a connection fails', async () => {
  const { bridge: node, make } = bridge(new FakeTab('a', false))
  expect(node.available).toBe(false)
  const connection = make()
  connection.createDataChannel('init')
  await expect(connection.createOffer()).rejects.toMatchObject({ name: 'InvalidStateError' })
})

test('a visible tab is preferred', () => {
  const hidden = new FakeTab('a')
  const visible = new FakeTab('b')
  visible.visible = true
  bridge(hidden, visible).make()
  expect(hidden.told).toHaveLength(0)
  expect(visible.last('create').pc).toBe(1)
})

test('when the tab goes its connections close at once and the next is made in another', () => {
  const first = new FakeTab('a')
  const second = new FakeTab('b')
  const { bridge: node, make, changes } = bridge(first, second)
  const connection = make()
  const events = eventsOf(connection, 'connectionstatechange')

  node.remove(first)

  expect(connection.connectionState).toBe('closed')
  expect(events).toEqual(['connectionstatechange'])
  expect(changes()).toBe(1)
  expect(node.available).toBe(true)
  make()
  expect(second.last('create').pc).toBe(1)
})

test.each([
  [
    'closed here',
    (connection: BridgedPeerConnection) => {
      connection.close()
    },
  ],
  [
    'lost',
    (connection: BridgedPeerConnection) => {
      connection.lost()
    },
  ],
])('a connection that is %s says so once, for libp2p to forget it', (_, end) => {
  const { make } = bridge(new FakeTab('a'))
  const connection = make()
  const events = eventsOf(connection, 'close')
  end(connection)
  connection.close()
  expect(events).toEqual(['close'])
})

test('a tab that came back by the same id is not taken for the one that goes', () => {
  const before = new FakeTab('a')
  const back = new FakeTab('a')
  const { bridge: node, say, make } = bridge(before)
  const lost = make()
  node.add(back)
  expect(lost.connectionState).toBe('closed')
  const connection = make()
  const { pc } = back.last('create')

  say(before, state(pc, 'failed'))
  node.remove(before)
  expect(node.available).toBe(true)
  expect(connection.connectionState).toBe('new')

  node.remove(back)
  expect(node.available).toBe(false)
  expect(connection.connectionState).toBe('closed')
})

test('a call under way fails when its tab goes', async () => {
  const tab = new FakeTab('a')
  const { bridge: node, make } = bridge(tab)
  const offer = make().createOffer()
  node.remove(tab)
  await expect(offer).rejects.toMatchObject({ name: 'AbortError' })
})

test('the init channel counts as open once connected, and as closed once closed here', async () => {
  const tab = new FakeTab('a')
  const { say, make } = bridge(tab)
  const channel = make().createDataChannel('init')
  const events = eventsOf(channel, 'open', 'close', 'error')
  say(tab, state(tab.last('create').pc, 'connected'))
  channel.close()
  await Promise.resolve()
  expect(events).toEqual(['open', 'close'])
  // The real one stays, so that neither side waits for the other's closing.
  expect(tab.told.some(({ type }) => type === 'closeChannel')).toBe(false)
})

test('a connection that lost its way is told once, and again when it does so again', () => {
  const tab = new FakeTab('a')
  const { bridge: node, say, make } = bridge(tab)
  let told = 0
  node.addEventListener('unsteady', () => (told += 1))
  make()
  const { pc } = tab.last('create')
  say(tab, state(pc, 'connected'))
  expect(told).toBe(0)
  // Browsers tell of ICE first and of the connection then.
  say(tab, { ...state(pc, 'connected'), ice: 'disconnected' } as FromBridge)
  say(tab, state(pc, 'disconnected'))
  expect(told).toBe(1)
  say(tab, state(pc, 'connected'))
  say(tab, state(pc, 'disconnected'))
  expect(told).toBe(2)
})

test('a tab holds as many connections as allowed; the next fails, until one of them is closed', async () => {
  const tab = new FakeTab('a')
  const { make } = bridge(tab)
  const made = (): number => tab.told.filter(({ type }) => type === 'create').length
  const [first] = Array.from({ length: MAX_CONNECTIONS }, make)
  expect(made()).toBe(MAX_CONNECTIONS)
  await expect(make().createOffer()).rejects.toMatchObject({ name: 'InvalidStateError' })
  first!.close()
  make()
  expect(made()).toBe(MAX_CONNECTIONS + 1)
})

test('a peer opens as many channels on a connection as allowed; the next is closed', () => {
  const tab = new FakeTab('a')
  const { say, make } = bridge(tab)
  const connection = make()
  let opened = 0
  connection.addEventListener('datachannel', () => (opened += 1))
  const { pc } = tab.last('create')
  for (let n = 1; n <= MAX_CHANNELS + 1; n += 1) {
    say(tab, { type: 'incoming', pc, channel: 2 * n, label: '', id: n })
  }
  expect(opened).toBe(MAX_CHANNELS)
  expect(tab.told.filter(({ type }) => type === 'closeChannel')).toEqual([
    { type: 'closeChannel', channel: 2 * (MAX_CHANNELS + 1) },
  ])
})

test('a channel that never opens ends with an error, for those who wait for it', () => {
  const tab = new FakeTab('a')
  const { say, make } = bridge(tab)
  const events = eventsOf(make().createDataChannel('init'), 'open', 'error', 'close')
  say(tab, state(tab.last('create').pc, 'failed'))
  expect(events).toEqual(['error', 'close'])
})

test('buffered bytes are those the tab has not reported as sent', async () => {
  const tab = new FakeTab('a')
  const { say, make } = bridge(tab)
  const channel = make().createDataChannel('')
  const number = tab.last('channel').channel
  say(tab, { type: 'open', channel: number, id: 1 })
  const events = eventsOf(channel, 'bufferedamountlow')
  channel.send(new Uint8Array(300 * 1024))
  channel.send(new Uint8Array(100))
  await Promise.resolve()

  expect(tab.last('data').chunks.map(({ byteLength }) => byteLength)).toEqual([300 * 1024, 100])
  expect(channel.bufferedAmount).toBe(300 * 1024 + 100)
  say(tab, { type: 'sent', channel: number, bytes: 300 * 1024 })
  expect(channel.bufferedAmount).toBe(100)
  expect(events).toHaveLength(1)
})

test('what is sent without a pause crosses in as few messages as the wire allows', async () => {
  const tab = new FakeTab('a')
  const { say, make } = bridge(tab)
  const channel = make().createDataChannel('')
  say(tab, { type: 'open', channel: tab.last('channel').channel, id: 1 })
  const pieces = [
    [1],
    [2, 3],
    Array<number>(MAX_MESSAGE_BYTES - 3).fill(4),
    [5],
    Array<number>(MAX_MESSAGE_BYTES).fill(6),
  ]
  for (const piece of pieces) channel.send(Uint8Array.from(piece))
  await Promise.resolve()

  const { chunks } = tab.last('data')
  expect(chunks.map(({ byteLength }) => byteLength)).toEqual([
    MAX_MESSAGE_BYTES,
    1,
    MAX_MESSAGE_BYTES,
  ])
  expect(chunks.flatMap((chunk) => [...new Uint8Array(chunk)])).toEqual(pieces.flat())
})

test.each([null, { type: 'nonsense' }, { type: 'state', pc: -1 }])(
  'a message out of shape is refused: %j',
  (message) => {
    const tab = new FakeTab('a')
    const { bridge: node } = bridge(tab)
    expect(() => {
      node.receive(tab, message)
    }).toThrow(InvalidDataError)
  },
)
