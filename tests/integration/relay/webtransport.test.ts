import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { multiaddr } from '@multiformats/multiaddr'
import type { Page } from 'playwright'
import { expect, onTestFinished, test } from 'vitest'
import { QUIC_MEMORY_MIB } from '#relay/limits.ts'
import { launchChromium } from '../../support/chromium.ts'
import { Relay } from '../../support/relay.ts'
import { makeWebTransportClient } from '../../support/web-transport-client.ts'
import { stockClient } from './harness.ts'
import { eventually } from '../../fixtures/eventually.ts'

async function relayWithWebTransport(): Promise<Relay> {
  const relay = await Relay.start('--no-app', '--no-webrtc', '--webtransport', '0')
  onTestFinished(() => relay[Symbol.asyncDispose]())
  return relay
}

/** A page that is connected there. */
async function pageAt(relay: Relay, address: string): Promise<Page> {
  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await makeWebTransportClient(page, relay)
  await page.evaluate(async (to) => {
    globalThis.client = await startClient()
    await client.dial(to)
  }, address)
  return page
}

/** The process that speaks QUIC: the only one that the relay has started. */
async function quicPidOf(relay: Relay): Promise<number> {
  const children = await readFile(`/proc/${relay.pid}/task/${relay.pid}/children`, 'utf8')
  return Number(children.trim())
}

test('a page with the stock dialer connects, learns who the relay is, and reserves', async () => {
  const relay = await relayWithWebTransport()
  const address = await relay.webTransport()
  const page = await pageAt(relay, address)
  await page.evaluate(() => client.ping())
  // What the relay says of itself comes when it comes.
  await expect
    .poll(() => page.evaluate(() => client.protocols()))
    .toContain('/libp2p/circuit/relay/0.2.0/hop')
  // Two certificates, as whoever connected otherwise hears of them.
  expect(address.match(/\/certhash\//g)).toHaveLength(2)
  await expect
    .poll(() => page.evaluate(() => client.addresses()))
    .toContain(address.replace(/\/p2p\/.*$/, ''))
  const reserved = await page.evaluate(() => client.reserve())
  expect(reserved.filter((each) => each.includes('/p2p-circuit/'))).not.toEqual([])
})

test('much goes there and back, on several streams at once', async () => {
  const relay = await relayWithWebTransport()
  const page = await pageAt(relay, await relay.webTransport())
  const results = await page.evaluate(() =>
    Promise.all(Array.from({ length: 4 }, () => client.echo(256 * 1_024))),
  )
  expect(results).toEqual([true, true, true, true])
})

test('when its process dies, nobody else notices; it comes back where it was', async () => {
  const relay = await relayWithWebTransport()
  const address = await relay.webTransport()
  const page = await pageAt(relay, address)
  const other = await stockClient()
  const [socket] = (await relay.addresses()).filter((each) => each.includes('/ws/'))
  const connection = await other.dial(multiaddr(socket))
  const before = { relay: relay.pid, quic: await quicPidOf(relay) }
  process.kill(before.quic, 'SIGKILL')
  await expect.poll(() => quicPidOf(relay)).not.toBe(before.quic)
  expect(relay.pid).toBe(before.relay)
  await other.services.ping.ping(connection.remotePeer)
  expect(connection.status).toBe('open')
  // The same certificates at the same port: what the page knows still holds.
  await eventually(() => page.evaluate((to) => client.dialAnew(to), address))
  await page.evaluate(() => client.ping())
  expect(await relay.webTransport()).toBe(address)
})

test('datagrams of anything at all reach nobody but that process, and it goes on', async () => {
  const relay = await relayWithWebTransport()
  const address = await relay.webTransport()
  const page = await pageAt(relay, address)
  const quic = await quicPidOf(relay)
  const port = Number(/\/udp\/(\d+)\//.exec(address)![1])
  const socket = createSocket('udp4')
  for (let sent = 0; sent < 5_000; sent += 1) {
    const bytes = randomBytes(sent % 1_400)
    // Half of them with the beginning of a long header of QUIC 1.
    if (sent % 2 === 0 && bytes.byteLength > 5) bytes.set([0xc0, 0, 0, 0, 1])
    await new Promise((resolve) => {
      socket.send(bytes, port, '127.0.0.1', resolve)
    })
  }
  socket.close()
  await page.evaluate(() => client.ping())
  expect(await quicPidOf(relay)).toBe(quic)
})

test('it has no key but those of its certificates, and not the environment of the relay', async () => {
  const relay = await relayWithWebTransport()
  await relay.webTransport()
  const environment = await readFile(`/proc/${await quicPidOf(relay)}/environ`, 'utf8')
  expect(environment).not.toContain('STARLING_DATA')
})

test('the system gives it no more memory than that, and others the processor first', async () => {
  const relay = await relayWithWebTransport()
  await relay.webTransport()
  const quic = await quicPidOf(relay)
  const limits = await readFile(`/proc/${quic}/limits`, 'utf8')
  expect(limits).toMatch(new RegExp(`^Max data size +${QUIC_MEMORY_MIB * 2 ** 20} `, 'm'))
  // The 19th field; the name in brackets, which may have spaces, is the second: proc_pid_stat(5).
  const [, fields] = (await readFile(`/proc/${quic}/stat`, 'utf8')).split(') ')
  expect(Number(fields!.split(' ')[16])).toBeGreaterThanOrEqual(10)
})

test('there is none unless it is wanted, and it ends with the relay', async () => {
  await using without = await Relay.start('--no-app', '--no-webrtc')
  expect((await without.addresses()).join()).not.toContain('/webtransport')
  expect(await quicPidOf(without)).toBe(0)
  const relay = await relayWithWebTransport()
  await relay.webTransport()
  const quic = await quicPidOf(relay)
  await relay.kill()
  await expect
    .poll(() => {
      try {
        return process.kill(quic, 0)
      } catch {
        return false
      }
    })
    .toBe(false)
})
