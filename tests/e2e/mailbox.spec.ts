import { Relay } from '../support/relay.ts'
import { expect, expectStored, friends, friendsAt, test, type Person } from './fixtures.ts'

test('written to somebody asleep, read while the writer sleeps, and the writer learns of it', async ({
  ownRelay: relay,
  person,
}) => {
  test.slow()
  const [anna, boris] = await friends(person, { relay })
  await boris.openChat('Anna')
  await boris.write('awake?')
  await expect(boris.state('awake?')).toHaveAttribute('data-state', /delivered|read/)
  await anna.leave()
  const before = await itemsAt(relay)

  await boris.write('until tomorrow')
  await expectStored(boris, 'until tomorrow')
  expect(await itemsAt(relay)).toBeGreaterThan(before)
  await boris.leave()

  await anna.comeBack()
  await anna.openChat('Boris')
  await expect(anna.message('until tomorrow')).toBeVisible()
  await anna.write('and you')
  await expectStored(anna, 'and you')
  await expect(anna.page.getByText('What you write waits for them at a relay')).toBeVisible()
  await anna.leave()

  await boris.comeBack()
  await boris.openChat('Anna')
  await expect(boris.message('and you')).toBeVisible()
  await expect(boris.state('until tomorrow')).toHaveAttribute('data-state', /delivered|read/)
})

test('with one of three relays dead, what is written to a sleeper is stored at the other two', async ({
  ownRelay: first,
  person,
}) => {
  test.slow()
  await using second = await Relay.start()
  await using third = await Relay.start()
  const [anna, boris] = await friends(person, { relay: first })
  await sleepAt([second, third], anna, boris)

  await third.kill()
  await boris.openChat('Anna')
  await boris.write('one of them is dead')
  await expectStored(boris, 'one of them is dead')
  await boris.chooseForMessage('one of them is dead', 'Message info')
  await expect(boris.page.getByRole('dialog')).toContainText('At 2 relays:')
  await boris.leave()

  await first.kill()
  await first.up()
  await anna.comeBack()
  await anna.openChat('Boris')
  await expect(anna.message('one of them is dead')).toHaveCount(1)
})

test('what no relay of theirs takes is said to wait here, and goes once one answers', async ({
  relay,
  person,
}) => {
  test.slow()
  await using far = await Relay.start()
  const [anna, boris] = await friendsAt(person, [relay, far])
  await anna.openChat('Boris')
  await anna.write('awake?')
  await expect(anna.state('awake?')).toHaveAttribute('data-state', /delivered|read/)
  await boris.leave()
  await far.kill()

  await anna.write('kept here')
  // It is only said of what has waited longer than a relay needs.
  await expect(anna.page.getByText('It waits on this device')).toBeVisible({ timeout: 90_000 })
  await expect(anna.state('kept here')).toHaveAttribute('data-state', 'queued')

  await far.up()
  // Else it is tried again when its turn comes, which is the later the longer it took until here.
  await anna.page.evaluate(() => dispatchEvent(new Event('online')))
  await expectStored(anna, 'kept here')
  await expect(anna.page.getByText('What you write waits for them at a relay')).toBeVisible()
})

test('a relay that changes what it keeps is caught, and nothing is lost by it', async ({
  ownRelay: first,
  front: liar,
  person,
}) => {
  test.slow()
  await using second = await Relay.start()
  const [anna, boris] = await friends(person, { relay: first })
  await sleepAt([second, liar], anna, boris)

  await boris.openChat('Anna')
  await boris.write('told by all three')
  await expectStored(boris, 'told by all three')
  await boris.chooseForMessage('told by all three', 'Message info')
  await expect(boris.page.getByRole('dialog')).toContainText('At 3 relays:')
  await boris.leave()

  liar.lie()
  await anna.comeBack()
  await anna.openChat('Boris')
  await expect(anna.message('told by all three')).toHaveCount(1)
  await anna.goTo('Network')
  await expect(anna.relayRow(liar)).toContainText('It lost or changed what it was to keep')
  await expect(anna.relayRow(second)).toContainText('keeps what comes while you sleep')
})

/** Has mailboxes at these relays too, of which the other is told, and sleeps. */
async function sleepAt(
  relays: { port: number; origin: string }[],
  sleeper: Person,
  other: Person,
): Promise<void> {
  await keepMailboxesAt(sleeper, relays)
  await tellWhere(sleeper, other)
  await sleeper.leave()
}

/** Has mailboxes at these relays too. */
async function keepMailboxesAt(person: Person, relays: { port: number; origin: string }[]) {
  await person.goTo('Network')
  for (const relay of relays) {
    await person.addRelay(relay.origin)
    await expect(person.relayRow(relay)).toContainText('keeps what comes while you sleep')
  }
}

/** What is written on a channel comes after what was told on it before. */
async function tellWhere(one: Person, other: Person): Promise<void> {
  await one.openChat('Boris')
  await one.write('there is more than one way to me')
  await other.openChat('Anna')
  await expect(other.message('there is more than one way to me')).toBeVisible()
}

/** How many items lie in the mailboxes of a relay. */
async function itemsAt(relay: Relay): Promise<number> {
  const metrics = await (await fetch(`${relay.origin}/metrics`)).text()
  return Number(/^starling_relay_mailbox_items (\d+)$/m.exec(metrics)?.[1])
}
