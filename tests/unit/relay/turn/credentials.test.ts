import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemRandom } from '#lib/protocol/seams.ts'
import { TURN_CREDENTIAL_LIFE_MS, TURN_HANDLE_LIFE_MS } from '#relay/limits.ts'
import { TurnCredentials } from '#relay/turn/credentials.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

const START_MS = 1_000 * TURN_HANDLE_LIFE_MS

function setUp() {
  const clock = new ManualClock(START_MS)
  const credentials = new TurnCredentials({ clock, random: systemRandom })
  const handle = (peer: string): string => credentials.for(peer).username.split(':')[1]!
  return { clock, credentials, handle }
}

test('the password is what coturn makes of the name and the secret it shares', () => {
  const { credentials } = setUp()
  const { username, password, lifeMs } = credentials.for('anna')
  const hmac = createHmac('sha1', credentials.secret).update(username).digest('base64')
  expect(password).toBe(hmac)
  expect(lifeMs).toBe(TURN_CREDENTIAL_LIFE_MS)
  expect(Number(username.split(':')[0])).toBe((START_MS + TURN_CREDENTIAL_LIFE_MS) / 1_000)
})

test('a peer has one handle for an hour, then another, and never that of somebody else', () => {
  const { clock, handle } = setUp()
  const first = handle('anna')
  expect(first).not.toContain('anna')
  expect(handle('boris')).not.toBe(first)
  clock.advance(TURN_HANDLE_LIFE_MS - 1)
  expect(handle('anna')).toBe(first)
  clock.advance(1)
  expect(handle('anna')).not.toBe(first)
})

test('another relay shares no secret and makes another handle', () => {
  const [one, other] = [setUp(), setUp()]
  expect(one.credentials.secret).not.toBe(other.credentials.secret)
  expect(one.handle('anna')).not.toBe(other.handle('anna'))
})
