import { expect, test } from 'vitest'
import { isPublic, isPushEndpoint } from '#relay/mailbox/push-addresses.ts'

test.each([
  'https://fcm.googleapis.com/fcm/send/abc',
  'https://updates.push.services.mozilla.com/wpush/v2/abc',
  'https://web.push.apple.com/abc',
  'https://8.8.8.8/abc',
  'https://[2a00:1450:4001::200e]/abc',
])('wake-ups are sent to %s', (endpoint) => {
  expect(isPushEndpoint(endpoint)).toBe(true)
})

test.each([
  ...['http://push.example.org/', 'https://push.example.org:8443/', 'ftp://push.example.org/'],
  ...[
    'https://ada:secret@push.example.org/',
    'https://push/',
    'https://localhost/',
    'nonsense',
    '',
  ],
  ...['https://printer.local/', 'https://127.0.0.1/', 'https://10.1.2.3/', 'https://[::1]/'],
  // What browsers and Node read as 127.0.0.1.
  ...['https://2130706433/', 'https://0x7f.1/', 'https://[::ffff:127.0.0.1]/'],
])('no wake-up is sent to %s', (endpoint) => {
  expect(isPushEndpoint(endpoint)).toBe(false)
})

test.each([
  ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1'],
  ...['172.31.255.255', '192.168.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', 'fc00::1', 'fe80::1', 'ff02::1'],
  ...['2001:db8::1', '2002:a00:1::', '2001::1', 'no address'],
])('%s is not of the internet', (address) => {
  expect(isPublic(address)).toBe(false)
})

test.each(['9.9.9.9', '172.15.0.1', '172.32.0.1', '223.255.255.255', '2a00::1', '2606:4700::1'])(
  '%s is of the internet',
  (address) => {
    expect(isPublic(address)).toBe(true)
  },
)
