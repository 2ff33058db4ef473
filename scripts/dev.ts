/**
 * `npm run dev`: the app with hot reload. A relay runs beside Vite, which passes on to it what is not the page: the
 * API and libp2p's WebSocket. PORT moves the page, which is at 5173 or the next free port otherwise.
 */
import { spawn } from 'node:child_process'
import { createServer as createListener, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { createServer } from 'vite'

const root = join(import.meta.dirname, '..')
const relayPort = await freePort()

const relay = spawn(
  process.execPath,
  ['relay-node/src/main.ts', '--no-app', '--trust-proxy', '127.0.0.1'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, HOST: '127.0.0.1', PORT: String(relayPort) },
  },
)

const target = `http://127.0.0.1:${relayPort}`
const vite = await createServer({
  root,
  server: {
    ...(process.env['PORT'] === undefined ? {} : { port: Number(process.env['PORT']) }),
    proxy: {
      '^/(api|health|metrics)': { target, xfwd: true },
      // Vite's own WebSocket names its protocol and is left alone; libp2p's is at the root.
      '^/$': { target, ws: true, xfwd: true, bypass: page },
    },
  },
})
await vite.listen()
vite.printUrls()

relay.once('exit', (code) => {
  process.exitCode = code ?? 1
  void vite.close()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    relay.kill(signal)
  })
}

/** Everything but a WebSocket is answered by Vite. */
function page({ url, headers }: IncomingMessage): string | undefined {
  return headers.upgrade === undefined ? url : undefined
}

async function freePort(): Promise<number> {
  const listener = createListener().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}
