import type { Locator } from 'playwright'
import { launchChromium } from '../support/chromium.ts'
import { Front } from '../support/front.ts'
import { Middlebox, type MiddleboxInit } from '../support/middlebox.ts'
import type { Person } from '../support/person.ts'
import { freePort, Relay } from '../support/relay.ts'
import { UdpHole } from '../support/udp-hole.ts'
import { expect, talkingFriends, test } from './fixtures.ts'

const NETWORKS: readonly { what: string; init: MiddleboxInit; way: string }[] = [
  { what: 'lets no WebSocket through', init: {}, way: 'HTTP, one long answer' },
  {
    what: 'holds each answer until it is complete',
    init: { buffers: true },
    way: 'HTTP, long polling',
  },
  {
    what: 'refuses bytes whose length is not said before',
    init: { refusesEndlessBytes: true },
    way: 'HTTP, server-sent events',
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
    const [anna, boris] = await talkingFriends(person, { relay: middlebox })
    await talk(anna, boris)

    await anna.goTo('Network')
    await shows(anna, middlebox, way)
    const relay = anna.relayRow(middlebox)
    await expect(relay).toContainText(
      `This network blocks or breaks: WebSocket. Starling goes another way instead: ${way}.`,
    )
    await relay.locator('summary').click()
    const ways = relay.getByRole('listitem')
    await expect(ways.nth(0)).toContainText(new RegExp(`${way}.*In use`))
    await expect(ways.nth(1)).toContainText(/WebSocket.*Blocked here/)
    await anna.page.getByRole('button', { name: 'Check', exact: true }).click()
    await expect(anna.page.getByText('This network does not let WebSockets through.')).toBeVisible({
      timeout: 120_000,
    })
  })
}

test('what holds answers once their heads are through is found out by one, and no other of the kind is tried', async ({
  person,
}) => {
  const port = await freePort()
  await using both = new AsyncDisposableStack()
  const middlebox = both.use(await Middlebox.before({ port }, { buffers: 'bodies' }))
  both.use(await Relay.startAt(port, '--public-url', middlebox.origin, '--no-webrtc'))
  const anna = await person('Anna', { relay: middlebox })
  await anna.goTo('Network')
  await shows(anna, middlebox, 'HTTP, long polling')
  expect(middlebox.modes()).toEqual(['binary', 'longpoll'])
})

test('two people talk where no UDP gets through: all goes by the WebSocket', async ({ person }) => {
  test.slow()
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const middlebox = stack.use(await Middlebox.before({ port }, { webSockets: true }))
  stack.use(await Relay.startAt(port, '--public-url', middlebox.origin, '--no-webrtc'))
  const [anna, boris] = await talkingFriends(person, { relay: middlebox, udp: false })
  await talk(anna, boris)
  expect(await anna.directBytes()).toEqual({ sent: 0, received: 0 })
  await anna.goTo('Network')
  await shows(anna, middlebox, 'WebSocket')
})

test('two people talk where one port and HTTP/1.1 are all there is', async ({ person }) => {
  test.slow()
  await using stack = new AsyncDisposableStack()
  const hole = stack.use(await UdpHole.open())
  const port = await freePort()
  const browser = stack.use(await hole.browser(port))
  const middlebox = stack.use(await Middlebox.before({ port }))
  const flags = ['--public-url', middlebox.origin, '--webtransport', String(port)]
  stack.use(await Relay.startAt(port, ...flags))
  const [anna, boris] = await talkingFriends(person, { relay: middlebox, browser, udp: false })
  await talk(anna, boris)
  expect(await anna.directBytes()).toEqual({ sent: 0, received: 0 })
  await anna.goTo('Network')
  await shows(anna, middlebox, 'HTTP, one long answer')
  await check(anna)
  for (const way of ['WebSocket', 'WebTransport']) {
    await expect(wayTried(anna, way)).toContainText('Does not get through')
  }
})

test('where long answers are cut, what is written across the cuts comes once and in order', async ({
  person,
}) => {
  test.slow()
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const middlebox = stack.use(await Middlebox.before({ port }))
  stack.use(await Relay.startAt(port, '--public-url', middlebox.origin, '--no-webrtc'))
  const [anna, boris] = await talkingFriends(person, { relay: middlebox, udp: false })
  // As after 30 s, but sooner.
  middlebox.become({ cutsAnswersAfterMs: 2_000 })
  const written: string[] = []
  for (let line = 1; line <= 6; line++) {
    const { cuts } = middlebox
    await expect.poll(() => middlebox.cuts).toBeGreaterThan(cuts)
    const text = `line ${line}.`
    await anna.write(text)
    written.push(text)
  }
  await boris.message(written.at(-1)!).waitFor()
  await expect.poll(() => shownTo(boris, written)).toEqual(written)
  await anna.goTo('Network')
  await shows(anna, middlebox, 'HTTP, one long answer')
})

test('two people talk where idle connections are killed', async ({ person }) => {
  test.slow()
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  // Sooner than anything keeps a connection busy: at 20 s what is sent every 15 s keeps all of them.
  const init = { webSockets: true, killsIdleAfterMs: 2_000 }
  const middlebox = stack.use(await Middlebox.before({ port }, init))
  stack.use(await Relay.startAt(port, '--public-url', middlebox.origin, '--no-webrtc'))
  const [anna, boris] = await talkingFriends(person, { relay: middlebox, udp: false })
  const written: string[] = []
  for (let pause = 1; pause <= 3; pause++) {
    const { killed } = middlebox
    await expect.poll(() => middlebox.killed, { timeout: 30_000 }).toBeGreaterThan(killed + 2)
    const text = `after pause ${pause}`
    await anna.write(text)
    await boris.message(text).waitFor()
    written.push(text)
  }
  expect(await shownTo(boris, written)).toEqual(written)
  await anna.goTo('Network')
  await shows(anna, middlebox, 'HTTP, one long answer')
})

test('two people talk where the name of another relay does not resolve, which is shown as off', async ({
  person,
}) => {
  test.slow()
  await using stack = new AsyncDisposableStack()
  const known = stack.use(await Relay.start())
  const other = stack.use(await Relay.start())
  const name = `elsewhere.test:${other.port}`
  // Who names it resolves it on one network, and on the other gets no answer.
  const annas = stack.use(
    await launchChromium(`--host-resolver-rules=MAP elsewhere.test ~NOTFOUND`),
  )
  const boriss = stack.use(
    await launchChromium(`--host-resolver-rules=MAP elsewhere.test 127.0.0.1`),
  )
  const anna = await person('Anna', { relay: known, browser: annas })
  const boris = await person('Boris', { relay: known, browser: boriss })
  for (const each of [anna, boris]) {
    await each.goTo('Network')
    await each.addRelay(`http://${name}`)
  }
  await expect(rowOf(boris, name)).toContainText('Holds your place')
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  await anna.openChat('Boris')
  await boris.openChat('Anna')
  await talk(anna, boris)
  await anna.goTo('Network')
  await shows(anna, known, 'WebSocket')
  await expect(rowOf(anna, name)).toContainText(
    'No way to it gets through, while another relay answers',
  )
})

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
  await expect(tried).toContainText('Works, ', { timeout: 120_000 })
  // All that goes by TCP ends here.
  await front[Symbol.asyncDispose]()
  const relay = anna.page
    .getByRole('region', { name: 'Connections' })
    .getByRole('listitem')
    .filter({ hasText: `localhost:${front.port}` })
  await expect(relay.getByText('WebTransport').first()).toBeAttached()
  await relay.locator('summary').first().click()
  await expect(relay.getByText('WebTransport').first()).toBeVisible()
})

/** Each writes to the other, whose conversations are open. */
async function talk(anna: Person, boris: Person): Promise<void> {
  await anna.write('Can you hear me?')
  await expect(boris.message('Can you hear me?')).toBeVisible()
  await boris.write('I can')
  await expect(anna.message('I can')).toBeVisible()
}

/** The network screen names this way for the connection to the relay there. */
async function shows(person: Person, relay: { port: number }, way: string): Promise<void> {
  const connection = person.page
    .getByRole('region', { name: 'Connections' })
    .getByRole('listitem')
    .filter({ hasText: `localhost:${relay.port}` })
  await connection.locator('summary').first().click()
  await expect(connection.getByText(way).first()).toBeVisible()
}

async function check({ page }: Person): Promise<void> {
  const region = page.getByRole('region', { name: 'Check my connection' })
  await region.getByRole('button', { name: 'Check', exact: true }).click()
  await region.getByRole('button', { name: 'Copy the result' }).waitFor({ timeout: 120_000 })
}

/** What the check says of a way. */
function wayTried({ page }: Person, way: string): Locator {
  const region = page.getByRole('region', { name: 'Check my connection' })
  return region.getByRole('listitem').filter({ has: page.getByText(way, { exact: true }) })
}

/** A relay in the list, by the name it was added with. */
function rowOf({ page }: Person, name: string): Locator {
  return page
    .getByRole('listitem')
    .filter({ has: page.getByRole('button', { name: /^Actions for/ }) })
    .filter({ hasText: name })
}

/** Of these messages those that are shown, as they follow each other; one that came twice is there twice. */
async function shownTo({ page }: Person, texts: readonly string[]): Promise<string[]> {
  const shown = await page.getByRole('article').allInnerTexts()
  return shown.flatMap((each) => texts.filter((text) => each.includes(text)))
}
