import { expect, test } from 'vitest'
import { Relay } from '../support/relay.ts'
import { anna as annaIn, converse } from './conversation.ts'
import { WebKit } from './webkit.ts'

test('Chromium and a browser without WebRTC talk through the relay, and both are told so', async () => {
  await using relay = await Relay.start()
  await using anna = await annaIn(relay)
  await using wanda = await WebKit.start()

  await converse(anna, wanda)

  await anna.presence('Through a relay').waitFor()
  await wanda.sees('Through a relay')
  await wanda.press('link', 'Network')
  await wanda.sees('Direct connections are not possible in this browser')
  expect(await anna.directBytes()).toEqual({ sent: 0, received: 0 })
})
