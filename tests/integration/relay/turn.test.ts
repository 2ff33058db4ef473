import { readFile, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { lpStream } from '@libp2p/utils'
import { expect, onTestFinished, test } from 'vitest'
import { ICE, type IceResponse, MAX_ICE_REQUESTS_PER_MINUTE } from '#lib/protocol/ice.ts'
import { ConfigError } from '#relay/errors.ts'
import type { Relay } from '#relay/relay.ts'
import { findProgram } from '#relay/turn/find-program.ts'
import { freePort } from '../../support/relay.ts'
import { bindOver, type Credential, type Place, StunClient } from '../../support/stun.ts'
import { dataFolder, refused, startRelay, stockClient, webSocketOf } from './harness.ts'

const hasCoturn = findProgram('turnserver') !== null

type Servers = Extract<IceResponse, { type: 'servers' }>

async function ask(relay: Relay, times = 1): Promise<IceResponse> {
  const client = await stockClient()
  const stream = await client.dialProtocol(webSocketOf(relay), ICE.protocol)
  const frames = lpStream(stream)
  let answer: IceResponse | null = null
  for (let n = 0; n < times; n += 1) {
    await frames.write(ICE.request.encode({ type: 'servers' }))
    answer = ICE.response.decode((await frames.read()).subarray())
  }
  await stream.close()
  return answer!
}

async function servers(relay: Relay): Promise<Servers> {
  const answer = await ask(relay)
  if (answer.type !== 'servers') throw new Error(answer.type)
  return answer
}

/** A relay with such a server beside it, once that answers. */
async function turnRelay(kind: string, ...flags: string[]) {
  const [data, port] = [await dataFolder(), await freePort()]
  const relay = await startRelay(
    ['--turn', kind, '--turn-port', String(port), '--turn-relay-ports', '40000-40100', ...flags],
    { data },
  )
  const place: Place = { address: '127.0.0.1', port }
  const client = await StunClient.open()
  onTestFinished(() => {
    client[Symbol.dispose]()
  })
  await expect.poll(() => client.bind(place)).not.toBeNull()
  return { relay, place, client, folder: join(data, 'turn') }
}

/** From a place where nobody has asked before. */
async function allocated(place: Place, who: Credential) {
  using client = await StunClient.open()
  return (await client.allocate(place, who)).answer
}

test.each(['node-turn', ...(hasCoturn ? ['coturn'] : [])])(
  '%s tells how it sees you, and relays for who has a password of the relay only',
  async (kind) => {
    const { relay, place, client } = await turnRelay(kind, '--turn-private-peers')
    expect((await client.bind(place))?.mapped?.address).toBe('127.0.0.1')
    const answer = await servers(relay)
    expect(answer.servers).toContainEqual({
      scheme: 'turn',
      host: null,
      port: place.port,
      transport: 'udp',
    })
    const { username, password } = answer
    const wrong = { username, password: `${password.slice(0, -2)}x=` }
    expect((await allocated(place, wrong))?.error).toBe(401)
    const late = { username: username.replace(/^\d+/, '1700000000'), password }
    expect((await allocated(place, late))?.error).toBe(401)
    expect((await allocated(place, answer))?.relayed?.address).toBe('127.0.0.1')
  },
)

test('one peer has as many answers a minute as allowed, and no more', async () => {
  const relay = await startRelay([
    ...['--turn', 'node-turn', '--turn-private-peers'],
    ...['--turn-port', String(await freePort())],
  ])
  expect(await ask(relay, MAX_ICE_REQUESTS_PER_MINUTE)).toMatchObject({ type: 'servers' })
  expect(await ask(relay, MAX_ICE_REQUESTS_PER_MINUTE + 1)).toEqual({
    type: 'refused',
    reason: 'busy',
  })
  expect(await refused(relay, 'ice-requests')).toBe(1)
})

test('a relay without them does not know the question', async () => {
  const relay = await startRelay()
  await expect(ask(relay)).rejects.toThrow(ICE.protocol)
})

test('node-turn, which would relay to anywhere, is not started unless that is wanted', async () => {
  await expect(startRelay(['--turn', 'node-turn'])).rejects.toThrow(ConfigError)
})

test.runIf(hasCoturn)('what coturn is told only its owner reads', async () => {
  const { folder } = await turnRelay('coturn', '--turn-tls-port', String(await freePort()))
  const owned = async (name: string): Promise<string> =>
    ((await stat(join(folder, name))).mode & 0o777).toString(8)
  for (const name of ['turnserver.conf', 'key.pem']) expect(await owned(name)).toBe('600')
  expect(await owned('.')).toBe('700')
  expect(await readFile(join(folder, 'turnserver.conf'), 'utf8')).toContain('use-auth-secret')
})

test.runIf(hasCoturn)(
  'coturn answers by TCP, and by TCP and TLS on the port of networks that let little through',
  async () => {
    const tlsPort = await freePort()
    const { relay, place } = await turnRelay('coturn', '--turn-tls-port', String(tlsPort))
    const [plain, other] = [place.port, tlsPort].map((port) => ({ host: place.address, port }))
    const ways = [
      connect(plain!),
      connect(other!),
      connectTls({ ...other!, rejectUnauthorized: false }),
    ]
    for (const way of ways) expect((await bindOver(way))?.mapped?.address).toBe('127.0.0.1')
    // Its certificate is one that nobody vouches for, so browsers are told of no TLS.
    const told = (await servers(relay)).servers.filter(({ transport }) => transport === 'tcp')
    expect(told).toEqual([
      { scheme: 'turn', host: null, port: place.port, transport: 'tcp' },
      { scheme: 'turn', host: null, port: tlsPort, transport: 'tcp' },
    ])
  },
)

test.runIf(hasCoturn)('coturn relays to no private address unless that is wanted', async () => {
  const peer = { address: '10.0.0.1', port: 1_000 }
  const closed = await turnRelay('coturn')
  const first = await closed.client.allocate(closed.place, await servers(closed.relay))
  expect((await first.permit!(peer))?.error).toBe(403)
  expect((await first.permit!({ address: '127.0.0.1', port: 1_000 }))?.error).toBe(403)
  // Else it would be of no use.
  expect((await first.permit!({ address: '1.1.1.1', port: 1_000 }))?.error).toBeNull()
  const open = await turnRelay('coturn', '--turn-private-peers')
  const second = await open.client.allocate(open.place, await servers(open.relay))
  expect((await second.permit!(peer))?.error).toBeNull()
})

test.runIf(hasCoturn)('coturn serves many at once', async () => {
  const { relay, place } = await turnRelay('coturn')
  const who = await servers(relay)
  const errors: (number | null | undefined)[] = []
  for (let n = 0; n < 30; n += 1) errors.push((await allocated(place, who))?.error)
  expect(errors).toEqual(errors.map(() => null))
})

test.runIf(hasCoturn)(
  'one that is killed comes back, and the relay goes on meanwhile',
  async () => {
    const { relay, place, client, folder } = await turnRelay('coturn')
    const pid = Number(await readFile(join(folder, 'turnserver.pid'), 'utf8'))
    process.kill(pid, 'SIGKILL')
    await expect.poll(async () => (await servers(relay)).servers).toEqual([])
    await expect.poll(() => client.bind(place)).not.toBeNull()
    expect((await servers(relay)).servers).not.toEqual([])
  },
)

test('it ends with the relay', async () => {
  const { relay, place, client } = await turnRelay('node-turn', '--turn-private-peers')
  await relay.stop()
  expect(await client.bind(place)).toBeNull()
})
