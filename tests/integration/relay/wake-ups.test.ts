import { createPublicKey, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { PUSH_TTL_SECONDS } from '#relay/limits.ts'
import { WebPush } from '#relay/mailbox/push.ts'
import { MemoryMailboxStore } from '../../fixtures/memory-mailbox-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { RefusalError, TestMailbox } from '../../support/mailbox.ts'
import { startRelay } from './harness.ts'

const random = seededRandom(11)

interface Received {
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** A push service on this machine; its address. */
async function pushService(status = 201): Promise<{ address: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      received.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(status).end('x'.repeat(1_000_000))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

/** The claims of the token a push service is shown, once its signature was found to be of this key. */
function claimsOf(authorization: string, publicKey: Uint8Array): Record<string, unknown> {
  const { token, key } = /^vapid t=(?<token>[^,]+), k=(?<key>.+)$/.exec(authorization)!.groups!
  expect(key).toBe(Buffer.from(publicKey).toString('base64url'))
  const [head, body, signature] = token!.split('.') as [string, string, string]
  const coordinate = (from: number): string =>
    Buffer.from(publicKey.subarray(from, from + 32)).toString('base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) }
  const isSigned = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  expect(isSigned).toBe(true)
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>
}

test('a put wakes the owner with an empty push that names nobody', async () => {
  const relay = await startRelay(['--push-anywhere', '--public-url', 'https://relay.example.org'])
  const { address, received } = await pushService()
  const box = await TestMailbox.at(relay.address, random.bytes(32))
  await box.wakeAt(`${address}/subscription`)
  expect(received).toEqual([])
  const pass = await box.pass(random.bytes(16))
  await box.put(pass, random.bytes(10))
  await expect.poll(() => received.length).toBe(1)
  const [{ path, headers, body }] = received as [Received]
  expect(path).toBe('/subscription')
  expect(body).toHaveLength(0)
  expect(headers).toMatchObject({
    urgency: 'high',
    ttl: String(PUSH_TTL_SECONDS),
    topic: 'starling',
  })
  expect(claimsOf(headers.authorization!, box.info.wakeKey!)).toMatchObject({
    aud: address,
    sub: 'https://relay.example.org',
  })
  const told = Object.values(headers).join(' ')
  expect(told).not.toContain(Buffer.from(box.id).toString('base64url'))
  // The second is silent, until the owner says anew where they are to be woken.
  await box.put(pass, random.bytes(10))
  await box.wakeAt(`${address}/another`, box.now() + 1)
  await box.put(pass, random.bytes(10))
  await expect.poll(() => received.map(({ path }) => path)).toEqual(['/subscription', '/another'])
})

test('where nobody is any more, the push service says so, and is understood', async () => {
  const relay = await startRelay(['--push-anywhere'])
  const { address } = await pushService(410)
  const box = await TestMailbox.at(relay.address, random.bytes(32))
  await box.wakeAt(address)
  const pass = await box.pass(random.bytes(16))
  await box.put(pass, random.bytes(10))
  const gone = async (): Promise<number | undefined> => {
    const metric = await relay.registry.getSingleMetric('starling_relay_wake_ups_total')?.get()
    return metric?.values.find(({ labels }) => labels['outcome'] === 'gone')?.value
  }
  await expect.poll(gone).toBe(1)
})

test.each([
  'http://push.example.org/',
  'https://127.0.0.1/',
  'https://10.0.0.1/',
  'https://localhost/',
])('a relay for others does not agree to wake at %s', async (endpoint) => {
  const relay = await startRelay()
  const box = await TestMailbox.at(relay.address, random.bytes(32))
  const asked = box.wakeAt(endpoint)
  await expect(asked).rejects.toThrow(RefusalError)
  await expect(asked).rejects.toMatchObject({ refusal: { reason: 'not-allowed' } })
})

test('a name that turns out to be of this machine is not connected to', async () => {
  let connections = 0
  const server = createTcpServer(() => {
    connections += 1
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  const quotas = { mailbox: 1, sender: 1, strangers: 1, relay: 1 }
  const push = await WebPush.of(new MemoryMailboxStore(new Uint8Array(16), quotas), {
    subject: 'mailto:relay@starling.invalid',
    anywhere: false,
  })
  const endpoint = `https://localhost:${(server.address() as AddressInfo).port}/`
  expect(await push.send(endpoint, new AbortController().signal)).toBe('failed')
  expect(connections).toBe(0)
})

test('the key that browsers subscribe with stays the same', async () => {
  const store = new MemoryMailboxStore(new Uint8Array(16), {
    ...{ mailbox: 1, sender: 1, strangers: 1, relay: 1 },
  })
  const init = { subject: 'mailto:relay@starling.invalid', anywhere: false }
  const [first, second] = [await WebPush.of(store, init), await WebPush.of(store, init)]
  expect(second.publicKey).toEqual(first.publicKey)
})
