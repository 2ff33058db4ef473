import { expect, test } from 'vitest'
import { hasQuic } from '#relay/webtransport/quic-process.ts'

test('a machine without a binary is known by its name, though a package stands in its place', () => {
  expect(hasQuic('darwin-arm64')).toBe(false)
  expect(hasQuic('linux-arm64')).toBe(false)
  expect(hasQuic()).toBe(process.platform === 'linux' && process.arch === 'x64')
})
