import { expect, friends, talkingFriends, test } from './fixtures.ts'

test('a relay killed and started again is reserved again, and messages go on', async ({
  ownRelay: relay,
  person,
}) => {
  const [anna, boris] = await friends(person, { relay })
  await anna.goTo('Network')
  await expect(anna.relayRow(relay).getByText('Holds your place')).toBeVisible()

  await relay.kill()
  await expect(anna.relayRow(relay).getByText('Holds your place')).toBeHidden()
  await anna.page.getByRole('button', { name: 'Try now' }).click()
  await expect(anna.page.getByText('Nobody new can reach you now')).toBeVisible()
  // Nobody may be reached through what no longer runs: both start anew, with what they have stored.
  await boris.leave()
  await relay.up()

  await expect(anna.relayRow(relay).getByText('Holds your place')).toBeVisible({ timeout: 40_000 })
  await boris.comeBack()
  await boris.openChat('Anna')
  await boris.write('the relay is back')
  await anna.openChat('Boris')
  await expect(anna.message('the relay is back')).toBeVisible()
})

test('who is connected directly keeps talking while the relay is down', async ({
  ownRelay: relay,
  person,
}) => {
  const [anna, boris] = await talkingFriends(person, { relay })
  await expect(boris.presence('Direct')).toBeVisible()
  await expect(anna.presence('Direct')).toBeVisible()

  await relay.kill()
  await boris.write('nobody in between')

  await expect(anna.message('nobody in between')).toBeVisible()
})

test('nobody is told to be offline while a relay answers, whatever the browser says', async ({
  ownRelay: relay,
  person,
}) => {
  const anna = await person('Anna', { relay })
  await anna.goTo('Network')
  await expect(anna.relayRow(relay).getByText('Holds your place')).toBeVisible()
  await anna.context.setOffline(true)
  await expect.poll(() => anna.page.evaluate(() => navigator.onLine)).toBe(false)
  await expect(anna.page.getByText('You are offline')).toBeHidden()

  await relay.kill()

  await expect(anna.page.getByText('You are offline')).toBeVisible()
})

test('the page opens without a network, with everything in it', async ({
  ownRelay: relay,
  person,
}) => {
  const anna = await person('Anna', { relay })
  await anna.openChat('Notes to self')
  await anna.write('kept here')
  await anna.page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await anna.leave()
  await relay.kill()

  await anna.comeBack()

  await anna.openChat('Notes to self')
  await expect(anna.message('kept here')).toBeVisible()
  await expect(anna.page.getByText(/No relay answers|You are offline/)).toBeVisible()
  await anna.goTo('Network')
  await anna.goTo('Settings')
})
