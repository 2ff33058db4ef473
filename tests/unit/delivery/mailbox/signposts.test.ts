import { expect, test } from 'vitest'
import { openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import { NoAnswerError } from '#lib/delivery/mailbox/errors.ts'
import { Signposts } from '#lib/delivery/mailbox/signposts.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

test('a relay that did not put mine up is asked again at the next visit, one that did hours later', async () => {
  const random = seededRandom(1)
  const identity = await openIdentity(secretsFrom(random.bytes(32), random.bytes(32)))
  const signposts = new Signposts({ identity, random, logger: silentLogger })
  const { signal } = new AbortController()
  let up = false
  let [asked, nowMs] = [0, Date.UTC(2026, 0, 1)]
  const mailboxes = {
    now: () => Promise.resolve(nowMs),
    point: () => {
      asked += 1
      return up ? Promise.resolve() : Promise.reject(new NoAnswerError('down'))
    },
    find: () => Promise.resolve(null),
  }
  const visit = async (): Promise<number> => {
    await signposts.putUp({ address: 'relay.example', mailboxes }, ['relay.example'], signal)
    return asked
  }
  expect(await visit()).toBe(1)
  up = true
  expect(await visit()).toBe(2)
  expect(await visit()).toBe(2)
  nowMs += 12 * 60 * 60 * 1000
  expect(await visit()).toBe(3)
})
