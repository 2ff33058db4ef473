import type { Relay } from '../support/relay.ts'
import { expect, test } from './fixtures.ts'

test('written to somebody asleep, read while the writer sleeps, and the writer learns of it', async ({
  ownRelay: relay,
  person,
}) => {
  const anna = await person('Anna', { relay })
  const boris = await person('Boris', { relay })
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  await boris.openChat('Anna')
  await boris.write('awake?')
  await expect(boris.state('awake?')).toHaveAttribute('data-state', /delivered|read/)
  await anna.leave()
  const before = await itemsAt(relay)

  await boris.write('until tomorrow')
  await expect(boris.state('until tomorrow')).toHaveAttribute('data-state', 'stored')
  expect(await itemsAt(relay)).toBeGreaterThan(before)
  await boris.leave()

  await anna.comeBack()
  await anna.openChat('Boris')
  await expect(anna.message('until tomorrow')).toBeVisible()
  await anna.write('and you')
  await expect(anna.state('and you')).toHaveAttribute('data-state', 'stored')
  await anna.leave()

  await boris.comeBack()
  await boris.openChat('Anna')
  await expect(boris.message('and you')).toBeVisible()
  await expect(boris.state('until tomorrow')).toHaveAttribute('data-state', /delivered|read/)
})

/** How many items lie in the mailboxes of a relay. */
async function itemsAt(relay: Relay): Promise<number> {
  const metrics = await (await fetch(`${relay.origin}/metrics`)).text()
  return Number(/^starling_relay_mailbox_items (\d+)$/m.exec(metrics)?.[1])
}
