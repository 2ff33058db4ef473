import { Relay } from '../support/relay.ts'
import { expect, talkingFriends, test } from './fixtures.ts'

test('two people whom no relay gives a place any more meet there all the same, and see how', async ({
  person,
}) => {
  test.slow()
  await using relay = await Relay.start('--no-webrtc')
  // Nor does anything go from one to the other directly.
  const [anna, boris] = await talkingFriends(person, { relay, udp: false })
  await relay.kill()
  await expect(anna.presence('Through a relay')).toBeHidden()
  await expect(boris.presence('Through a relay')).toBeHidden()
  await relay.up('--max-reservations', '0')
  for (const each of [anna, boris]) {
    await expect(each.presence('Through a relay')).toBeVisible({ timeout: 90_000 })
  }

  await anna.write('Is anybody there?')
  await expect(boris.message('Is anybody there?')).toBeVisible()
  await boris.write('I am')
  await expect(anna.message('I am')).toBeVisible()
  await expect(anna.state('Is anybody there?')).toHaveAttribute('data-state', /delivered|read/)

  await anna.goTo('Network')
  await expect(anna.relayRow(relay)).not.toContainText('Holds your place')
  const connection = anna.page
    .getByRole('region', { name: 'Connections' })
    .getByRole('listitem')
    .filter({ hasText: 'Boris' })
  await connection.locator('summary').first().click()
  await expect(connection.getByText('Met at a relay').first()).toBeVisible()
})
