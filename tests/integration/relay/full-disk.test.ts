import { expect, test } from 'vitest'
import { peerRecordKey, sealPeerRecord } from '#lib/protocol/peer-record.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { RefusalError, TestMailbox } from '../../support/mailbox.ts'
import { dataFolder, dhtPut, stockClient } from './harness.ts'
import { startProcess } from './relay-process.ts'
import { multiaddr } from '@multiformats/multiaddr'

/** What the file size limit leaves for LevelDB's log, in blocks of 512 bytes: enough to start, soon used up. */
const FILE_BLOCKS = 24

async function metric(address: string, name: string): Promise<number> {
  const response = await fetch(`${address}/metrics`)
  const line = (await response.text()).split('\n').find((text) => text.startsWith(name))
  return Number(line?.split(' ').at(-1))
}

test('a disk that takes no more bytes is counted, and the relay goes on', async () => {
  const relay = await startProcess(
    ['--host', '127.0.0.1', '--port', '0', '--data', await dataFolder()],
    { shell: `ulimit -f ${FILE_BLOCKS}` },
  )
  const client = await stockClient()
  await client.dial(
    multiaddr(relay.address.replace('http://localhost:', '/ip4/127.0.0.1/tcp/') + '/ws'),
  )
  const nowMs = Date.now()
  const failures = 'starling_relay_refused_total{reason="disk-write"}'
  for (let seed = 1; (await metric(relay.address, failures)) === 0; seed += 1) {
    expect(seed).toBeLessThan(64)
    const { peer, ...signer } = await signerOf(seed)
    const record = await sealPeerRecord(
      {
        peer,
        relays: Array<string>(8).fill(`/dns/${'a'.repeat(200)}/tcp/1/ws`),
        sequence: nowMs,
        expiresAtMs: nowMs + 60_000,
      },
      signer,
    )
    await dhtPut(client, peerRecordKey(peer), record)
  }
  expect(await client.services.ping.ping(client.getPeers()[0]!)).toBeGreaterThanOrEqual(0)
  expect((await fetch(`${relay.address}/health`)).status).toBe(200)
  expect(await metric(relay.address, 'starling_relay_unwritten_entries')).toBeGreaterThan(0)
})

test('an item that such a disk does not take gets no receipt; those that have one are there', async () => {
  const relay = await startProcess(
    ['--host', '127.0.0.1', '--port', '0', '--data', await dataFolder()],
    { shell: `ulimit -f ${FILE_BLOCKS}` },
  )
  const random = seededRandom(1)
  const box = await TestMailbox.at(relay.address, random.bytes(32))
  const pass = await box.pass(random.bytes(16))
  let kept = 0
  const untilRefused = async (): Promise<unknown> => {
    for (;;) {
      try {
        await box.put(pass, random.bytes(1_024))
        kept += 1
      } catch (error) {
        return error
      }
    }
  }
  const error = await untilRefused()
  expect(error).toBeInstanceOf(RefusalError)
  expect(error).toMatchObject({ status: 503, refusal: { reason: 'failed' } })
  expect(kept).toBeGreaterThan(0)
  const { entries } = await box.list()
  expect(await box.fetch(entries.map(({ number }) => number))).toHaveLength(kept)
  expect(await metric(relay.address, 'starling_relay_refused_total{reason="mailbox-failed"}')).toBe(
    1,
  )
  expect((await fetch(`${relay.address}/health`)).status).toBe(200)
})
