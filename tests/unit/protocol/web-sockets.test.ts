import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Connection, MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { closingWebSockets } from '../../../src/lib/protocol/web-sockets.ts'

function transport() {
  return closingWebSockets()({ logger: defaultLogger(), events: new TypedEventEmitter() })
}

/** A connection that was dialled, with the other end of its socket. */
async function connected(): Promise<{ connection: MultiaddrConnection; accepted: WebSocket }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => {
    server.close()
  })
  await once(server, 'listening')
  const accepting = once(server, 'connection') as Promise<[WebSocket]>
  const { promise, resolve } = Promise.withResolvers<MultiaddrConnection>()
  const upgrader: Pick<Upgrader, 'upgradeOutbound'> = {
    upgradeOutbound: (connection: MultiaddrConnection) => {
      resolve(connection)
      return Promise.resolve({} as Connection)
    },
  }
  const { port } = server.address() as AddressInfo
  await transport().dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`), {
    upgrader: upgrader as Upgrader,
    signal: new AbortController().signal,
  })
  const [accepted] = await accepting
  return { connection: await promise, accepted }
}

test('where nobody listens a dial fails with an error', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')

  const dial = transport().dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`), {
    upgrader: {} as Upgrader,
    signal: new AbortController().signal,
  })

  await expect(dial).rejects.toThrow(Error)
})

test('an aborted connection leaves no open socket behind', async () => {
  const { connection, accepted } = await connected()
  const closed = once(accepted, 'close')

  connection.abort(new Error('no longer needed'))

  await closed
  expect(connection.status).toBe('aborted')
})

test('a closed one neither', async () => {
  const { connection, accepted } = await connected()
  const closed = once(accepted, 'close')

  await connection.close()

  await closed
  expect(connection.status).toBe('closed')
})
