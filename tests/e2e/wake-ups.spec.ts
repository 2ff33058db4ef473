import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { CDPSession } from 'playwright'
import { SHELF_LOCK } from '../../src/lib/features/notifications/ui/shelf-lock.ts'
import { wholeChromium } from '../support/chromium.ts'
import { Relay } from '../support/relay.ts'
import { expect, expectStored, friends, test, type Person } from './fixtures.ts'

// The engine alone shows no notifications.
test.use({ launchOptions: wholeChromium() })

interface Push {
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

test('a relay wakes by an empty push that names nobody; a host shows what it is about, else the service worker that something came', async ({
  person,
}) => {
  await using relay = await Relay.start('--push-anywhere')
  await using service = await pushService()
  test.slow()
  const [anna, boris] = await friends(person, { relay })

  await standInForPushService(anna)
  await turn(anna, 'On')
  await expect(panel(anna)).toContainText('push service did not answer')
  await expect(choices(anna).getByRole('radio', { name: 'Off' })).toBeChecked()
  await subscribeAt(anna, service.origin)
  await panel(anna).getByRole('button', { name: 'Try again' }).click()
  await expect(panel(anna)).toContainText(`localhost:${relay.port} wakes this device.`)
  await expect(choices(anna).getByRole('radio', { name: 'On' })).toBeChecked()

  await anna.goTo('Chats')
  await boris.openChat('Anna')
  await look(anna, false)
  await boris.write('still there?')
  await push(anna, relay.origin)
  const usual = { title: 'Boris', body: '1 new message' }
  await expect.poll(() => shownAt(anna, relay.origin)).toEqual([usual])
  await look(anna, true)
  await anna.openChat('Boris')
  await expect(boris.state('still there?')).toHaveText('Read')
  await expect.poll(() => shownAt(anna, relay.origin)).toEqual([])

  await anna.leave()
  await boris.write('wake up')
  await expectStored(boris, 'wake up')
  await expect.poll(() => service.pushes.length).toBeGreaterThan(0)
  const [{ path, headers, body }] = service.pushes as [Push]
  expect(path).toBe('/subscription')
  expect(body).toHaveLength(0)
  // Nothing but what push services ask for (RFC 8030, RFC 8292), whoever it is for.
  expect(Object.keys(headers).toSorted()).toEqual([
    ...['authorization', 'connection', 'content-length', 'host', 'topic', 'ttl', 'urgency'],
  ])
  expect(claims(headers.authorization!)).toEqual({
    aud: service.origin,
    exp: expect.any(Number) as unknown,
    sub: 'mailto:relay@starling.invalid',
  })
  await push(anna, relay.origin)
  const general = { title: 'Starling', body: 'New messages' }
  await expect.poll(() => shownAt(anna, relay.origin)).toEqual([general])

  await anna.comeBack()
  await expect(anna.chat('Boris')).toContainText('1 unread')
  await expect.poll(() => shownAt(anna, relay.origin)).toEqual([])
  await turn(anna, 'Off')
  await expect.poll(() => anna.page.evaluate(() => localStorage.getItem('test.key'))).toBeNull()
})

const panel = ({ page }: Person) => page.getByRole('region', { name: 'Notifications' })
const choices = (person: Person) =>
  panel(person).getByRole('group', { name: 'Wake this device for new messages' })

async function turn(person: Person, to: 'On' | 'Off'): Promise<void> {
  await person.goTo('Settings')
  await choices(person).getByText(to, { exact: true }).click()
}

/**
 * Stands for the push service of the browser, which refuses until it is told where subscriptions lead: a Chromium under
 * test has none to subscribe at. All else is the browser's own.
 */
async function standInForPushService(person: Person): Promise<void> {
  await person.context.grantPermissions(['notifications'], { origin: person.origin })
  await person.context.addInitScript(() => {
    const subscription = (key: string): unknown => {
      const bytes = atob(key.replaceAll('-', '+').replaceAll('_', '/'))
      const { buffer } = Uint8Array.from(bytes, (each) => each.codePointAt(0)!)
      return {
        endpoint: `${localStorage.getItem('test.origin')}/subscription`,
        options: { applicationServerKey: buffer },
        unsubscribe() {
          localStorage.removeItem('test.key')
          return Promise.resolve(true)
        },
      }
    }
    Object.assign(PushManager.prototype, {
      subscribe({ applicationServerKey: key }: { applicationServerKey: string }) {
        if (localStorage.getItem('test.origin') === null) {
          return Promise.reject(new DOMException('no push service', 'AbortError'))
        }
        localStorage.setItem('test.key', key)
        return Promise.resolve(subscription(key))
      },
      getSubscription() {
        const key = localStorage.getItem('test.key')
        return Promise.resolve(key === null ? null : subscription(key))
      },
    })
  })
  await person.page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await person.reload()
}

async function subscribeAt({ page }: Person, origin: string): Promise<void> {
  await page.evaluate((to) => {
    localStorage.setItem('test.origin', to)
  }, origin)
}

/** Browsers under test always have the focus: the page is told whether the person looks at it. */
async function look({ page }: Person, here: boolean): Promise<void> {
  await page.evaluate((focused) => {
    document.hasFocus = () => focused
    dispatchEvent(new Event(focused ? 'focus' : 'blur'))
  }, here)
}

/** Delivers a push as the browser does when its service brings one. */
async function push({ context }: Person, origin: string): Promise<void> {
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  const registrationId = await registrationOf(session, origin)
  await session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: '' })
  await page.close()
}

async function registrationOf(session: CDPSession, origin: string): Promise<string> {
  const found = Promise.withResolvers<string>()
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    const ours = registrations.find(({ scopeURL }) => scopeURL === `${origin}/`)
    if (ours !== undefined) found.resolve(ours.registrationId)
  })
  await session.send('ServiceWorker.enable')
  return found.promise
}

/** What stands on the screen, asked from a page of the relay that is not Starling. */
async function shownAt(
  { context }: Person,
  origin: string,
): Promise<{ title: string; body: string }[]> {
  const page = await context.newPage()
  await page.goto(`${origin}/health`)
  const shown = await page.evaluate(async (lock) => {
    const registration = await navigator.serviceWorker.ready
    const notifications = await navigator.locks.request(lock, () => registration.getNotifications())
    return notifications.map(({ title, body }) => ({ title, body }))
  }, SHELF_LOCK)
  await page.close()
  return shown
}

/** A push service on this machine. */
async function pushService(): Promise<AsyncDisposable & { origin: string; pushes: Push[] }> {
  const pushes: Push[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      pushes.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(201).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pushes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What a push service is shown of who sends. */
function claims(authorization: string): unknown {
  const [, body] = /^vapid t=[^.]+\.([^.]+)\./.exec(authorization) ?? []
  return JSON.parse(Buffer.from(body!, 'base64url').toString()) as unknown
}
