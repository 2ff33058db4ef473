import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { httpRoutes } from '#relay/http.ts'
import { SECURITY_HEADERS } from '#relay/headers.ts'
import { close, listen } from '#relay/http-server.ts'
import { MAX_BODY_BYTES } from '#relay/limits.ts'
import { remoteBehind } from '#relay/remote.ts'
import { refused, startRelay } from './harness.ts'

describe('what a browser is told', () => {
  let origin: string

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'starling-app-'))
    await mkdir(join(folder, 'assets'))
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>Starling</title>')
    await writeFile(join(folder, 'viewer.html'), '')
    await writeFile(join(folder, 'service-worker.js'), '')
    await writeFile(join(folder, 'assets', 'main-abc123.js'), '')
    const server = createServer()
    const app = await httpRoutes(
      {
        server,
        registry: new Registry(),
        bootstrap: () => null,
        remoteOf: remoteBehind([]),
        mailboxes: () => undefined,
        connect: () => undefined,
        assist: () => undefined,
      },
      { appFolder: folder, metricsFrom: ['loopback'] },
    )
    const port = await listen(server, { port: 0, host: '127.0.0.1', webrtc: false })
    origin = `http://127.0.0.1:${port}`
    onTestFinished(async () => {
      await close(server)
      await app.close()
      await rm(folder, { recursive: true })
    })
  })

  test('no script but our own, no eval, no inline style, no frame, Trusted Types', async () => {
    const { headers } = await fetch(origin)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval';")
    expect(policy).toContain("style-src 'self';")
    expect(policy).toContain("connect-src 'self' wss: https: ws: http:;")
    expect(policy).toContain("require-trusted-types-for 'script'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain("'unsafe-inline'")
    expect(policy).not.toContain("'unsafe-eval'")
  })

  test('the page in which files are shown has no origin, and only the app has it in a frame', async () => {
    const policy = (await fetch(`${origin}/viewer.html`)).headers.get('content-security-policy')
    expect(policy).toBe("sandbox allow-scripts; frame-ancestors 'self'")
  })

  test.each([
    ...['/', '/assets/main-abc123.js', '/service-worker.js', '/nothing', '/%', '/health'],
    ...['/api/bootstrap', '/metrics'],
  ])('the same of %s: no sniffing, no referrer, its own process, no other origin', async (path) => {
    const { headers } = await fetch(origin + path, { headers: { Origin: 'https://evil.example' } })
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      expect(headers.get(name)).toBe(value)
    }
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    expect(headers.get('cache-control')).not.toBeNull()
  })

  test('the camera for codes and the microphone for voice, and nothing else of the device', async () => {
    const policy = (await fetch(origin)).headers.get('permissions-policy') ?? ''
    expect(policy.match(/\w+=\(self\)/g)).toEqual(['camera=(self)', 'microphone=(self)'])
  })

  test.each([
    ['/', 'no-cache'],
    ['/service-worker.js', 'no-cache'],
    ['/assets/main-abc123.js', 'public, max-age=31536000, immutable'],
    ['/health', 'no-store'],
    ['/api/bootstrap', 'no-store'],
    ['/nothing', 'no-store'],
  ])('%s may be kept as %s', async (path, cache) => {
    expect((await fetch(origin + path)).headers.get('cache-control')).toBe(cache)
  })

  test('the page for the address of a screen, and nothing for a missing file', async () => {
    const page = await fetch(`${origin}/settings`, { headers: { accept: 'text/html' } })
    expect(await page.text()).toContain('Starling')
    expect((await fetch(`${origin}/missing.js`)).status).toBe(404)
  })

  test.each([
    ['as long as allowed is read', MAX_BODY_BYTES, 404],
    ['longer than allowed is refused', MAX_BODY_BYTES + 1, 413],
  ])('a body %s', async (_what, bytes, status) => {
    const body = 'x'.repeat(bytes)
    const headers = { 'Content-Type': 'text/plain' }
    expect((await fetch(`${origin}/health`, { method: 'POST', headers, body })).status).toBe(status)
  })

  test('that the relay is not up yet', async () => {
    expect((await fetch(`${origin}/health`)).status).toBe(503)
    expect((await fetch(`${origin}/api/bootstrap`)).status).toBe(503)
  })
})

test('bootstrap says who it is, where, and who runs it', async () => {
  const relay = await startRelay([
    ...['--operator', 'Ada', '--public-url', 'https://relay.example.org'],
  ])
  const response = await fetch(`http://127.0.0.1:${relay.port}/api/bootstrap`)
  const { peerId, addresses, operator } = (await response.json()) as Record<string, unknown>
  expect(peerId).toBe(relay.peerId)
  expect(operator).toBe('Ada')
  expect(addresses).toEqual(relay.addresses())
  expect(relay.addresses()[0]).toBe(`/dns/relay.example.org/tcp/443/tls/ws/p2p/${relay.peerId}`)
})

test('metrics tell of connections, reservations, circuits, records, bytes and the process', async () => {
  const relay = await startRelay()
  const text = await (await fetch(`http://127.0.0.1:${relay.port}/metrics`)).text()
  for (const name of [
    'starling_relay_connections 0',
    'starling_relay_reservations 0',
    'starling_relay_circuits 0',
    'starling_relay_dht_records 0',
    'starling_relay_refused_total{reason="slow-reader"} 0',
    'libp2p_data_transfer_bytes_total',
    'libp2p_kad_dht',
    'process_resident_memory_bytes',
  ]) {
    expect(text).toContain(name)
  }
})

describe('metrics are read', () => {
  /** The status of `/metrics` for a request with this `X-Forwarded-For`, sent from this machine. */
  async function statusFor(flags: readonly string[], forwardedFor?: string): Promise<number> {
    const relay = await startRelay(flags)
    const headers = forwardedFor === undefined ? {} : { 'X-Forwarded-For': forwardedFor }
    return (await fetch(`http://127.0.0.1:${relay.port}/metrics`, { headers })).status
  }

  const PROXY = ['--trust-proxy', '127.0.0.1']
  const NETWORK = ['--metrics-from', '192.0.2.0/24']

  test.each([
    ['on this machine', [], undefined, 200],
    ['by nobody through a proxy that is not trusted', [], '127.0.0.1', 403],
    ['by nobody from elsewhere', PROXY, '192.0.2.1', 403],
    ['by nobody who says to be here', PROXY, '127.0.0.1, 192.0.2.1', 403],
    ['from where it is allowed', [...PROXY, ...NETWORK], '192.0.2.1', 200],
    ['only from where it is allowed', NETWORK, undefined, 403],
  ])('%s', async (_who, flags, forwardedFor, status) => {
    expect(await statusFor(flags, forwardedFor)).toBe(status)
  })
})

describe('behind a proxy', () => {
  /** Connects as a proxy would for this address; resolves with whether the relay let it in. */
  async function through(port: number, address: string): Promise<boolean> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
      headers: { 'X-Forwarded-For': address },
    })
    onTestFinished(() => {
      socket.terminate()
    })
    socket.on('error', () => undefined)
    const outcome = await Promise.race([
      once(socket, 'open').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    return outcome
  }

  test('that is trusted, each person has their own share', async () => {
    const relay = await startRelay([
      ...['--max-connections-per-address', '1', '--trust-proxy', '127.0.0.1'],
    ])
    expect(await through(relay.port, '192.0.2.1')).toBe(true)
    expect(await through(relay.port, '192.0.2.2')).toBe(true)
    expect(await through(relay.port, '192.0.2.2')).toBe(false)
    expect(await through(relay.port, 'spoofed, 192.0.2.1')).toBe(false)
  })

  test('that is not trusted, nobody chooses their own address', async () => {
    const relay = await startRelay(['--max-connections-per-address', '1'])
    expect(await through(relay.port, '192.0.2.1')).toBe(true)
    expect(await through(relay.port, '192.0.2.2')).toBe(false)
    expect(await refused(relay, 'connections-per-address')).toBe(1)
  })
})

test('with a certificate of its own it speaks https and wss', async () => {
  const relay = await startRelay(['--https'])
  expect(relay.address).toMatch(/^https:/)
  expect(relay.addresses()[0]).toContain('/tls/ws')
  const socket = new WebSocket(`wss://127.0.0.1:${relay.port}/`, { rejectUnauthorized: false })
  onTestFinished(() => {
    socket.terminate()
  })
  await once(socket, 'open')
})
