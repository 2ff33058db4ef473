import { X509Certificate } from 'node:crypto'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { expect, test, vi } from 'vitest'
import {
  WEBTRANSPORT_CERTIFICATE_LIFE_MS,
  WEBTRANSPORT_CERTIFICATE_SHOWN_MS,
} from '#relay/limits.ts'
import { Certificates, LOOK_MS } from '#relay/webtransport/certificates.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { eventually } from '../../../fixtures/eventually.ts'

const DAY_MS = 24 * 60 * 60_000

async function certificates({ clock = new ManualClock(), datastore = new MemoryDatastore() } = {}) {
  const made = new Certificates({ clock, datastore })
  await made.start()
  return { clock, datastore, certificates: made }
}

function hashesOf(made: Certificates): string[] {
  return made.hashes().map((hash) => Buffer.from(hash).toString('hex'))
}

test('a certificate is one that browsers take by its hash', async () => {
  const { clock, certificates: made } = await certificates()
  const found = new X509Certificate(made.current.cert)
  expect(found.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  const lifeMs = Date.parse(found.validTo) - Date.parse(found.validFrom)
  expect(lifeMs).toBe(WEBTRANSPORT_CERTIFICATE_LIFE_MS)
  expect(lifeMs).toBeLessThan(14 * DAY_MS)
  expect(Date.parse(found.validFrom)).toBeLessThan(clock.now())
  const [shown] = made.hashes()
  const digest = found.fingerprint256.replaceAll(':', '').toLowerCase()
  expect(Buffer.from(shown!).toString('hex')).toBe(`1220${digest}`)
})

test('the next one is shown after a while, a newer one announced, and whoever wants to is told', async () => {
  const { clock, certificates: made } = await certificates()
  const told = vi.fn()
  made.onChange(told)
  const [first, second] = hashesOf(made)
  clock.advance(WEBTRANSPORT_CERTIFICATE_SHOWN_MS - LOOK_MS)
  await settled()
  expect(hashesOf(made)).toEqual([first, second])
  clock.advance(LOOK_MS)
  await eventually(() => {
    expect(told).toHaveBeenCalledTimes(1)
  })
  const [shown, third] = hashesOf(made)
  expect(shown).toBe(second)
  expect([first, second]).not.toContain(third)
})

test('at every moment what is shown holds, and was announced before for as long as it is shown', async () => {
  const { clock, datastore } = await certificates()
  for (let day = 0; day < 40; day += 1) {
    clock.advance(DAY_MS)
    // As a relay that is started each day.
    const { certificates: made } = await certificates({ clock, datastore })
    const { validFrom, validTo } = new X509Certificate(made.current.cert)
    expect(Date.parse(validFrom)).toBeLessThan(clock.now())
    expect(Date.parse(validTo)).toBeGreaterThan(clock.now())
    made.stop()
  }
})

test('they are the same after a restart, and others after a long time, or when they cannot be read', async () => {
  const { clock, datastore, certificates: made } = await certificates()
  const before = hashesOf(made)
  made.stop()
  expect(hashesOf((await certificates({ clock, datastore })).certificates)).toEqual(before)
  const later = new ManualClock(clock.now() + 2 * WEBTRANSPORT_CERTIFICATE_SHOWN_MS)
  const others = hashesOf((await certificates({ clock: later, datastore })).certificates)
  expect(before.some((hash) => others.includes(hash))).toBe(false)
  await datastore.put(new Key('/starling/webtransport/certificates'), Buffer.from('[{}]'))
  expect(hashesOf((await certificates({ clock, datastore })).certificates)).not.toEqual(before)
})

test('nothing is looked at after the end', async () => {
  const { clock, certificates: made } = await certificates()
  const before = hashesOf(made)
  made.stop()
  clock.advance(WEBTRANSPORT_CERTIFICATE_SHOWN_MS)
  await Promise.resolve()
  expect(hashesOf(made)).toEqual(before)
})
