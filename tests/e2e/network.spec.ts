import { freePort, Relay } from '../support/relay.ts'
import { expect, friends, friendsAt, test } from './fixtures.ts'

test('a connection tells its path and its transport', async ({ person }) => {
  const [, boris] = await friends(person)

  await boris.goTo('Network')

  // The way through the relay stays beside it for a while.
  const connection = boris.page
    .getByRole('listitem')
    .filter({ hasText: 'Anna' })
    .filter({ has: boris.page.getByText('Direct', { exact: true }) })
  await connection.locator('summary').click()
  await expect(connection.getByText('WebRTC', { exact: true })).toBeVisible()
  await expect(connection.getByText(/^12D3KooW/).first()).toBeVisible()
  await expect(boris.page.getByText('Others can reach you')).toBeVisible()
})

test('a relay is tested, added, used and removed', async ({ person, ownRelay: other }) => {
  const anna = await person('Anna')
  await anna.goTo('Network')

  await anna.addRelay('not an address')
  await expect(anna.page.getByText('This is no address of a relay.')).toBeVisible()

  await anna.addRelay(other.origin)
  await expect(anna.relayRow(other).getByText(/Works, answered in/)).toBeVisible()
  await expect(anna.relayRow(other).getByText(/Holds your place\s· added by you/)).toBeVisible()
  await anna.addRelay(other.origin)
  await expect(anna.page.getByText('This relay is in the list already.')).toBeVisible()

  await anna.chooseForRelay(other, 'Test')
  await expect(anna.relayRow(other).getByText(/Works, answered in/)).toBeVisible()
  await other.kill()
  await anna.chooseForRelay(other, 'Test')
  await expect(anna.relayRow(other).getByText(/No answer/)).toBeVisible()

  await anna.chooseForRelay(other, 'Remove')
  await anna.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(anna.relayRow(other)).toBeHidden()
  await anna.reload()
  await expect(anna.page.getByText('Others can reach you')).toBeVisible()
  await expect(anna.relayRow(other)).toBeHidden()
})

test('two people whose pages come from different relays meet and talk directly', async ({
  relay,
  person,
}) => {
  await using far = await Relay.start()
  const [anna, boris] = await friendsAt(person, [relay, far])

  await boris.openChat('Anna')
  await boris.write('from another relay')
  await anna.openChat('Boris')
  await expect(anna.message('from another relay')).toBeVisible()
  await expect(anna.presence('Direct')).toBeVisible()
})

test('the log tells what happened, without names, messages or secrets', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.write('nobody reads this')
  await anna.goTo('Network')
  const log = anna.page.getByRole('log', { name: 'Log' })
  await anna.page.getByText('All', { exact: true }).click()

  await expect(log).toContainText('reserved at localhost')

  await expect(log).not.toContainText('nobody reads this')
  await expect(log).not.toContainText('Anna')
})

test('the connection is checked: what gets through, and what stands in its place', async ({
  person,
}) => {
  const turn = ['--turn', 'node-turn', '--turn-port', String(await freePort())]
  await using relay = await Relay.start(...turn, '--turn-private-peers', '--webtransport', '0')
  await relay.webTransport()
  const anna = await person('Anna', { relay })
  await anna.goTo('Network')
  const check = anna.page.getByRole('region', { name: 'Check my connection' })
  await check.getByRole('button', { name: 'Check', exact: true }).click()
  await expect(check.getByText('Everything gets through.')).toBeVisible({ timeout: 120_000 })
  // All of it at once: what it means is said when nothing is left to try.
  const rows = await check.getByRole('listitem').allInnerTexts()
  for (const way of ['WebSocket', 'HTTP, long polling', 'WebTransport', 'TURN over UDP']) {
    expect(rows).toContainEqual(expect.stringMatching(new RegExp(`^${way}\\s+Works, `)))
  }
  await anna.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await check.getByRole('button', { name: 'Copy the result' }).click()
  const copied = await anna.page.evaluate(() => navigator.clipboard.readText())
  expect(copied).toContain('Everything gets through.')
  expect(copied).toContain(`localhost:${relay.port}`)

  await relay.kill()
  await check.getByRole('button', { name: 'Check', exact: true }).click()
  await expect(check.getByText('No relay answers in any way.')).toBeVisible({ timeout: 120_000 })
})
