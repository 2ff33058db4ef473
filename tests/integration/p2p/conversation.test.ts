import { expect, test } from 'vitest'
import { FrozenLine } from './frozen-line.ts'
import { Inbox, onPath, onState, person, until } from './person.ts'
import { after, aPair, aRelay, hear, PROTOCOL, say, somebody } from './scene.ts'

test('reserves at the relay that serves the page', async () => {
  const relay = await aRelay()
  const ada = await somebody({ origin: relay.origin })
  await onState(ada.node, 'online')
  expect(ada.node.peers.myRelays()).toEqual([relay.host])
  expect(ada.node.network.addresses()[0]).toContain(`/p2p-circuit/p2p/${ada.peer}`)
})

test('before it runs, nobody is told that it has no relay', async () => {
  const { node } = await person({ origin: 'http://localhost:1' })
  expect(node.network.state).toBe('starting')
})

test('starts while its relay is down, and says so', async () => {
  const relay = await aRelay()
  await relay.down()
  const ada = await somebody({ origin: relay.origin })
  await onState(ada.node, 'offline')
  await relay.up()
  await ada.node.network.wake('online')
  await onState(ada.node, 'online')
})

test('two people on one relay exchange frames on one channel', async () => {
  const { adas, bobs } = await aPair(await aRelay(), { webrtc: false })
  await say(await adas.living(), 'hello')
  expect(await hear(await bobs.living())).toBe('hello')
  expect([adas.alive().length, bobs.alive().length]).toEqual([1, 1])
})

test('each connection has a latency soon, and its bytes are counted, whatever it is made of', async () => {
  const { ada, adas, bobs } = await aPair(await aRelay(), { webrtc: true })
  const from = await adas.living(({ path }) => path === 'direct')
  const to = await bobs.living(({ path }) => path === 'direct')
  const sent = 10_000
  await say(from, 'x'.repeat(sent))
  await hear(to)
  const { network } = ada.node
  const measured = (): boolean => network.links().every(({ latencyMs }) => latencyMs !== null)
  await until(network, 'changed', measured)
  const links = network.links()
  const kinds = new Set(links.map(({ transport }) => transport))
  expect([...kinds].toSorted()).toEqual(['circuit', 'webrtc', 'websocket'])
  for (const { bytesIn, bytesOut } of links) expect(Math.min(bytesIn, bytesOut)).toBeGreaterThan(0)
  const direct = links.find(({ transport }) => transport === 'webrtc')
  expect(direct?.bytesOut).toBeGreaterThan(sent)
  expect(direct?.bytesOut).toBeLessThan(2 * sent)
})

test('a browser that calls itself offline is not believed while its relay answers', async () => {
  const relay = await aRelay()
  const ada = await somebody({ origin: relay.origin })
  await onState(ada.node, 'online')
  await ada.node.network.rest()
  expect(ada.node.network.state).toBe('online')
  await relay.down()
  await onState(ada.node, 'offline')
  await relay.up()
  await onState(ada.node, 'online')
})

test('who hides their address is reached by relays alone, and directly again once they show it', async () => {
  const { ada, adas, bobs } = await aPair(await aRelay(), { webrtc: true })
  await adas.living(({ path }) => path === 'direct')
  ada.node.hideAddress(true)
  const from = await adas.living(({ path }) => path === 'relayed')
  await say(from, 'by the relay')
  expect(await hear(await bobs.living(({ path }) => path === 'relayed'))).toBe('by the relay')
  const { network } = ada.node
  expect(network.links().map(({ transport }) => transport)).not.toContain('webrtc')
  expect(network.addresses().join()).not.toContain('webrtc')
  ada.node.hideAddress(false)
  await adas.living(({ path }) => path === 'direct')
  expect(network.addresses().join()).toContain('webrtc')
})

test('a relayed connection becomes direct, keeps its fallback, and the channel moves over', async () => {
  const { ada, bob, adas, bobs } = await aPair(await aRelay(), { webrtc: true })
  const direct = await Promise.all([
    adas.living(({ path }) => path === 'direct'),
    bobs.living(({ path }) => path === 'direct'),
  ])
  await say(direct[1], 'directly')
  expect(await hear(direct[0])).toBe('directly')
  const paths = ada.node.network.links().filter(({ peer }) => peer === bob.peer)
  // Both may have dialled through the relay at once.
  const kinds = new Set(paths.map(({ path, transport }) => `${path} ${transport}`))
  expect([...kinds].toSorted()).toEqual(['direct webrtc', 'relayed circuit'])
  expect(adas.alive()).toHaveLength(1)
})

test('somebody who is not wanted stays on the relay until they are', async () => {
  const relay = await aRelay()
  const init = { origin: relay.origin, webrtc: true }
  const [ada, bob] = await Promise.all([somebody(init), somebody(init)])
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  ada.node.peers.want(bob.peer, [relay.host])
  const refused = `no direct connection with ${bob.peer}`
  await until(ada.log, 'line', () =>
    ada.log.lines('debug').some(({ text }) => text.startsWith(refused)),
  )
  expect(bob.node.peers.path(ada.peer)).toBe('relayed')
  bob.node.peers.want(ada.peer, [relay.host])
  await onPath(bob.node, ada.peer, 'direct')
})

test('the channel falls back to the relay when the direct connection breaks, and returns', async () => {
  const { ada, bob, adas, bobs } = await aPair(await aRelay(), { webrtc: true })
  await Promise.all([
    adas.living(({ path }) => path === 'direct'),
    bobs.living(({ path }) => path === 'direct'),
  ])
  // Both: the one that could would have another direct connection before the channel is on the relay.
  for (const { bridge } of [ada, bob]) bridge.set(false)
  // An upgrade by the other side may just be under way, too.
  const mend = ada.cut('direct')
  const [adasRelayed, bobsRelayed] = await Promise.all([
    adas.living(({ path }) => path === 'relayed'),
    bobs.living(({ path }) => path === 'relayed'),
  ])
  await say(adasRelayed, 'still here')
  expect(await hear(bobsRelayed)).toBe('still here')
  mend()
  for (const { bridge } of [ada, bob]) bridge.set(true)
  await adas.living(({ path }) => path === 'direct')
})

test('a relay that was restarted is reserved again and leads to the peer', async () => {
  const relay = await aRelay()
  const { ada, bob, adas } = await aPair(relay, { webrtc: false })
  await adas.living()
  await relay.down()
  await Promise.all([onState(ada.node, 'offline'), onPath(ada.node, bob.peer, 'offline')])
  await relay.up()
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  await onPath(ada.node, bob.peer, 'relayed')
  await adas.living()
})

test('a peer that was away is met as soon as it is back', async () => {
  const relay = await aRelay()
  const { ada, bob, adas } = await aPair(relay, { webrtc: false })
  await adas.living()
  await bob.node.stop()
  await onPath(ada.node, bob.peer, 'offline')
  await bob.node.start()
  await onPath(ada.node, bob.peer, 'relayed')
  await adas.living()
})

test('waking up ends connections that are dead and makes new ones', async () => {
  const relay = await aRelay()
  const [host = '', port] = relay.host.split(':')
  const line = await FrozenLine.to(host, Number(port))
  after(() => line.close())
  const ada = await somebody({ origin: `http://${line.host}` })
  await onState(ada.node, 'online')
  line.freezeOpen()
  const before = ada.node.network.links()[0]?.id
  await ada.node.network.wake('resume')
  await onState(ada.node, 'online')
  expect(ada.node.network.links().map(({ id }) => id)).not.toContain(before)
})

test('a denied peer is refused and let go', async () => {
  const { ada, bob, adas } = await aPair(await aRelay(), { webrtc: false })
  await adas.living()
  ada.node.peers.deny(bob.peer)
  await onPath(bob.node, ada.peer, 'offline')
  bob.node.peers.want(ada.peer, ada.node.peers.myRelays())
  ada.node.peers.allow(bob.peer)
  await onPath(ada.node, bob.peer, 'relayed')
})

test('a channel no longer accepted is closed, and opened when offered again', async () => {
  const { ada, bob, adas } = await aPair(await aRelay(), { webrtc: false })
  let wanted = true
  const other = '/starling/other/1.0.0'
  const bobs = await Inbox.open(bob.node, other, ada.peer)
  const opened = Promise.withResolvers<undefined>()
  const closed = Promise.withResolvers<undefined>()
  await ada.node.channels.handle({
    protocol: other,
    maxFrameBytes: 16,
    accept: () => wanted,
    onChannel: (channel) => {
      opened.resolve(undefined)
      channel.closed.addEventListener('abort', () => {
        closed.resolve(undefined)
      })
    },
  })
  // Whoever opens has the channel last, and only a channel both have can be closed.
  await Promise.all([adas.living(), bobs.living(), opened.promise])
  wanted = false
  ada.node.channels.offer(other, bob.peer)
  await closed.promise
  wanted = true
  ada.node.channels.offer(other, bob.peer)
  await bobs.living()
})

test.for([{ webrtc: false }, { webrtc: true }])(
  'a reader that takes its time loses nothing of a large transfer ($webrtc)',
  async (init) => {
    const { adas, bobs } = await aPair(await aRelay(), init)
    const path = init.webrtc ? 'direct' : 'relayed'
    const to = await adas.living((channel) => channel.path === path)
    const from = await bobs.living((channel) => channel.path === path)
    const frame = new Uint8Array(200 * 1024).fill(7)
    const count = 64
    const sending = (async () => {
      for (let i = 0; i < count; i += 1) await to.send(frame)
    })()
    let frames = 0
    for await (const received of from.frames()) {
      expect(received.byteLength).toBe(frame.byteLength)
      frames += 1
      if (frames === count) break
      // Every other part of the program runs in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await sending
    expect(frames).toBe(count)
  },
)

test('serves a protocol again after a restart', async () => {
  const { ada, bob, adas, bobs } = await aPair(await aRelay(), { webrtc: false })
  await adas.living()
  await ada.node.stop()
  await onPath(bob.node, ada.peer, 'offline')
  await ada.node.start()
  await say(await adas.living(), PROTOCOL)
  expect(await hear(await bobs.living())).toBe(PROTOCOL)
})
