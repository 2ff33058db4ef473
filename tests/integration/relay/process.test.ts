import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { cp, mkdir, symlink } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DEFAULT_PORT } from '#relay/config.ts'
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

/** The relay as it is before `npm run build`; its main file. */
async function unbuiltCopy(): Promise<string> {
  const root = resolve(import.meta.dirname, '../../..')
  const copy = await dataFolder()
  await mkdir(join(copy, 'src/lib'), { recursive: true })
  for (const path of ['package.json', 'relay-node', 'peer-node', 'src/lib']) {
    await cp(join(root, path), join(copy, path), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return join(copy, 'relay-node/src/main.ts')
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
    const exit = once(relay.child, 'exit')
    relay.child.kill(signal)
    // Past `STOP_TIMEOUT_MS` it ends itself, with 1.
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

test('says so when WebRTC finds its port taken', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => {
    socket.close()
  })
  const port = String(socket.address().port)
  const flags = [...LOOPBACK, '--port', port, '--data', await dataFolder()]
  const { code, errors } = await runToEnd(flags)
  expect(code).toBe(1)
  expect(errors).toContain(`port ${port} on 127.0.0.1 is taken`)
})

test('says that the machine has no such address', async () => {
  // https://www.rfc-editor.org/rfc/rfc5737: nobody has it.
  const flags = ['--host', '192.0.2.1', '--port', '0', '--data', await dataFolder()]
  const { code, errors } = await runToEnd(flags)
  expect(code).toBe(1)
  expect(errors).toContain('192.0.2.1: this machine has no such address')
})

test('takes the next free port when nobody chose one and the usual one is taken', async () => {
  // Where something else has the usual port already, that is as good.
  const usual = createServer().listen(DEFAULT_PORT, '127.0.0.1')
  await Promise.race([once(usual, 'listening'), once(usual, 'error').catch(() => undefined)])
  onTestFinished(() => {
    usual.close()
  })
  const relay = await startProcess([...LOOPBACK, '--data', await dataFolder()])
  expect(Number(new URL(relay.address).port)).toBeGreaterThan(DEFAULT_PORT)
  expect((await bootstrapOf(relay.address)).addresses.join()).toContain(
    `/tcp/${new URL(relay.address).port}/ws/`,
  )
})

test('says how to build the app when there is none, and serves as a relay', async () => {
  const { address, printed } = await startProcess(
    [...LOOPBACK, '--port', '0', '--data', await dataFolder()],
    { main: await unbuiltCopy() },
  )
  expect(address).toMatch(/^http:/)
  await expect.poll(printed).toContain('npm run build')
  expect(await (await fetch(address)).text()).toContain('serves no app')
})

test('says that another relay uses its data', async () => {
  const data = await dataFolder()
  await startProcess([...LOOPBACK, '--port', '0', '--data', data])
  const { code, errors } = await runToEnd([...LOOPBACK, '--port', '0', '--data', data])
  expect(code).toBe(1)
  expect(errors).toContain(`another relay uses the data folder ${data}`)
})

test('says that the database of mailboxes cannot be reached, and not its password', async () => {
  const { code, errors } = await runToEnd([
    ...[...LOOPBACK, '--port', '0', '--data', await dataFolder()],
    ...['--store', 'postgres://ada:secret@localhost:1/starling'],
  ])
  expect(code).toBe(1)
  expect(errors).toMatch(/^the database of mailboxes: .*ECONNREFUSED/)
  expect(errors).not.toContain('secret')
})

test('says which flag is wrong and what is allowed', async () => {
  const { code, errors } = await runToEnd(['--port', 'high'])
  expect(code).toBe(1)
  expect(errors).toBe('--port (PORT) must be a whole number from 0 to 65535, not "high"\n')
})
