import { expect, test } from 'vitest'
import { Relay } from '../support/relay.ts'
import { anna as annaIn, converse } from './conversation.ts'
import { Firefox } from './firefox.ts'

test('Chromium and Firefox talk directly', async () => {
  await using relay = await Relay.start()
  await using anna = await annaIn(relay)
  await using wanda = await Firefox.start()

  await converse(anna, wanda)

  await anna.presence('Direct').waitFor()
  await wanda.sees('Direct')
  const before = await anna.directBytes()
  await anna.write('straight to you '.repeat(200).trim())
  await wanda.sees('straight to you straight to you')
  await expect
    .poll(async () => (await anna.directBytes()).sent - before.sent, { timeout: 10_000 })
    .toBeGreaterThan(3000)
})
