import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { dataFolder } from './harness.ts'
import { runToEnd, startProcess } from './relay-process.ts'

const LOOPBACK = ['--host', '127.0.0.1']

interface Bootstrap {
  peerId: string
  addresses: string[]
}

async function bootstrapOf(address: string): Promise<Bootstrap> {
  const response = await fetch(`${address}/api/bootstrap`)
  return (await response.json()) as Bootstrap
}

/** A port that is in use until the test ends. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('after a restart it is the same peer with the same certificate at the same addresses', async () => {
  const data = await dataFolder()
  const first = await startProcess([...LOOPBACK, '--port', '0', '--data', data])
  const before = await bootstrapOf(first.address)
  expect(before.addresses.join()).toContain('/webrtc-direct/certhash/')
  first.child.kill('SIGTERM')
  await once(first.child, 'exit')
  const { port } = new URL(first.address)
  const second = await startProcess([...LOOPBACK, '--port', port, '--data', data])
  expect(await bootstrapOf(second.address)).toEqual(before)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'ends within 5 s of %s, also with somebody connected',
  async (signal) => {
    const relay = await startProcess([...LOOPBACK, '--port', '0', '--data', await dataFolder()])
    const socket = new WebSocket(relay.address.replace('http', 'ws'))
    await new Promise((resolve) => {
      socket.addEventListener('open', resolve)
    })
    const exit = once(relay.child, 'exit', { signal: AbortSignal.timeout(5_000) })
    relay.child.kill(signal)
    expect(await exit).toEqual([0, null])
  },
)

test('says which port is taken', async () => {
  const port = String(await takenPort())
  const { code, errors } = await runToEnd([
    ...LOOPBACK,
    ...['--port', port, '--data', await dataFolder()],
  ])
  expect(code).toBe(1)
  expect(errors).toContain(`port ${port} on 127.0.0.1 is taken`)
})

test('says that another relay uses its data', async () => {
  const data = await dataFolder()
  await startProcess([...LOOPBACK, '--port', '0', '--data', data])
  const { code, errors } = await runToEnd([...LOOPBACK, '--port', '0', '--data', data])
  expect(code).toBe(1)
  expect(errors).toContain(`another relay uses the data folder ${data}`)
})

test('says which flag is wrong and what is allowed', async () => {
  const { code, errors } = await runToEnd(['--port', 'high'])
  expect(code).toBe(1)
  expect(errors).toBe('--port (PORT) must be a whole number from 0 to 65535, not "high"\n')
})
