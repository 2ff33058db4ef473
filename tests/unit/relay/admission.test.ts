import { describe, expect, test } from 'vitest'
import { Admission, sourceOf } from '#relay/admission.ts'
import { MAX_NEW_CONNECTIONS_PER_SECOND } from '#relay/limits.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

function admission(init = { maxConnections: 3, maxConnectionsPerAddress: 2 }) {
  const refusals = new CountingRefusals()
  const clock = new ManualClock()
  return { refusals, clock, admission: new Admission({ refusals, clock }, init) }
}

describe('admission', () => {
  test('lets as many in from one address as allowed', () => {
    const { admission: gate, refusals } = admission()
    expect(gate.enter('192.0.2.1')).not.toBeNull()
    expect(gate.enter('192.0.2.1')).not.toBeNull()
    expect(refusals.counted).toEqual([])
    expect(gate.enter('192.0.2.1')).toBeNull()
    expect(refusals.counted).toEqual(['connections-per-address'])
  })

  test('lets as many in from everywhere as allowed', () => {
    const { admission: gate, refusals } = admission()
    for (const last of [1, 2, 3]) expect(gate.enter(`192.0.2.${last}`)).not.toBeNull()
    expect(gate.enter('192.0.2.4')).toBeNull()
    expect(refusals.counted).toEqual(['connections-total'])
  })

  test('gives the place of one that left to another, once', () => {
    const { admission: gate } = admission()
    const leave = gate.enter('192.0.2.1')
    gate.enter('192.0.2.1')
    leave?.()
    leave?.()
    expect(gate.enter('192.0.2.1')).not.toBeNull()
    expect(gate.enter('192.0.2.1')).toBeNull()
  })

  test('lets as many in of one address in a second as allowed, also when they leave at once', () => {
    const many = { maxConnections: 1_000, maxConnectionsPerAddress: 1_000 }
    const { admission: gate, clock, refusals } = admission(many)
    const enter = (address: string): boolean => {
      const leave = gate.enter(address)
      leave?.()
      return leave !== null
    }
    for (let n = 0; n < MAX_NEW_CONNECTIONS_PER_SECOND; n += 1) {
      expect(enter(`2001:db8::${n}`)).toBe(true)
    }
    expect(refusals.counted).toEqual([])
    expect(enter('2001:db8::1')).toBe(false)
    expect(refusals.counted).toEqual(['connection-rate'])
    expect(enter('192.0.2.1')).toBe(true)
    clock.advance(1_000)
    expect(enter('2001:db8::1')).toBe(true)
  })
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, source) => {
  expect(sourceOf(address)).toBe(source)
})
