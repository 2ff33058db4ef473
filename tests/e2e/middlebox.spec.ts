import { Front } from '../support/front.ts'
import { Middlebox, type MiddleboxInit } from '../support/middlebox.ts'
import { freePort, Relay } from '../support/relay.ts'
import { expect, friends, test } from './fixtures.ts'

const NETWORKS: readonly { what: string; init: MiddleboxInit; way: string }[] = [
  { what: 'lets no WebSocket through', init: {}, way: 'HTTP, one long answer' },
  {
    what: 'holds each answer until it is complete',
    init: { buffers: true },
    way: 'HTTP, long polling',
  },
]

for (const { what, init, way } of NETWORKS) {
  test(`two people talk where the network ${what}, and see by which way`, async ({ person }) => {
    test.slow()
    const port = await freePort()
    await using both = new AsyncDisposableStack()
    const middlebox = both.use(await Middlebox.before({ port }, init))
    // The relay names no other address: nothing goes past the box.
    both.use(await Relay.startAt(port, '--public-url', middlebox.origin, '--no-webrtc'))
    const [anna, boris] = await friends(person, { relay: middlebox })
    await anna.openChat('Boris')
    await boris.openChat('Anna')
    await anna.write('Can you hear me?')
    await expect(boris.message('Can you hear me?')).toBeVisible()
    await boris.write('I can')
    await expect(anna.message('I can')).toBeVisible()

    await anna.goTo('Network')
    const relay = anna.page.getByRole('listitem').filter({ hasText: `localhost:${middlebox.port}` })
    await relay.locator('summary').first().click()
    await expect(relay.getByText(way).first()).toBeVisible()
    await anna.page.getByRole('button', { name: 'Check', exact: true }).click()
    await expect(anna.page.getByText('This network does not let WebSockets through.')).toBeVisible({
      timeout: 60_000,
    })
  })
}

test('where nothing but UDP gets through any more, the relay is reached by WebTransport', async ({
  person,
}) => {
  test.slow()
  const port = await freePort()
  await using both = new AsyncDisposableStack()
  const front = await Front.before({ port })
  const flags = ['--public-url', front.origin, '--no-webrtc', '--webtransport', '0']
  both.use(await Relay.startAt(port, ...flags))
  const bootstrap = async (): Promise<string> =>
    (await fetch(`${front.origin}/api/bootstrap`)).text()
  await expect.poll(bootstrap).toContain('/webtransport/')
  const anna = await person('Anna', { relay: front })
  await anna.goTo('Network')
  const check = anna.page.getByRole('region', { name: 'Check my connection' })
  await check.getByRole('button', { name: 'Check', exact: true }).click()
  const tried = check.getByRole('listitem').filter({ hasText: 'WebTransport' })
  await expect(tried).toContainText('Works, ', { timeout: 60_000 })
  // All that goes by TCP ends here.
  await front[Symbol.asyncDispose]()
  const relay = anna.page.getByRole('listitem').filter({ hasText: `localhost:${front.port}` })
  await expect(relay.getByText('WebTransport').first()).toBeAttached()
  await relay.locator('summary').first().click()
  await expect(relay.getByText('WebTransport').first()).toBeVisible()
})
