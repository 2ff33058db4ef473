import { SHELF_LOCK } from '../../src/lib/features/notifications/ui/shelf-lock.ts'
import { wholeChromium } from '../support/chromium.ts'
import { expect, friends, test, type Person } from './fixtures.ts'

// The engine alone shows no notifications.
test.use({ launchOptions: wholeChromium() })

test('a message is shown beside the app while one looks elsewhere, and goes once it is read', async ({
  person,
}) => {
  const [anna, boris] = await friends(person)
  await allow(anna, 'Who wrote')
  await anna.goTo('Chats')
  await boris.openChat('Anna')
  await boris.write('while you look')
  await expect(anna.chat('Boris')).toContainText('1 unread')
  expect(await shown(anna)).toEqual([])

  await look(anna, false)
  await boris.write('the secret words')
  await expect.poll(() => shown(anna)).toEqual([{ title: 'Boris', body: '2 new messages' }])

  await look(anna, true)
  await anna.openChat('Boris')
  await expect(boris.state('the secret words')).toHaveText('Read')
  await expect.poll(() => shown(anna)).toEqual([])
})

test('with the text, when that is wanted; a click leads to the chat', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await allow(anna, 'Name and text')
  await anna.goTo('Network')
  await look(anna, false)
  await boris.openChat('Anna')
  await boris.write('see you at six')
  await expect.poll(() => shown(anna)).toEqual([{ title: 'Boris', body: 'see you at six' }])

  await click(anna)

  await expect(anna.message('see you at six')).toBeVisible()
  await expect.poll(() => shown(anna)).toEqual([])
})

test('nothing of it stays once a passphrase locks what is here, not of a tab that was closed either', async ({
  person,
}) => {
  const [anna, boris] = await friends(person)
  await allow(anna, 'Name and text')
  await anna.setPassphrase('four words of no meaning')
  await anna.goTo('Chats')
  await look(anna, false)
  await boris.openChat('Anna')
  await boris.write('see you at six')
  await expect.poll(() => shown(anna)).toEqual([{ title: 'Boris', body: 'see you at six' }])

  await anna.leave()
  anna.page = await anna.context.newPage()
  await anna.page.goto(anna.origin)
  await expect(anna.lockScreen).toBeVisible()
  await expect.poll(() => shown(anna)).toEqual([])
})

test('nothing is shown of a muted chat, and a request is', async ({ person }) => {
  const [anna, boris] = await friends(person)
  const carol = await person('Carol')
  const link = await anna.myLink()
  await allow(anna, 'Who wrote')
  await anna.openChat('Boris')
  await anna.chooseInChatMenu('Mute…')
  await anna.page.getByRole('button', { name: 'Until I unmute' }).click()
  await anna.goTo('Chats')
  await look(anna, false)
  await boris.openChat('Anna')
  await boris.write('quietly')
  await expect(anna.chat('Boris')).toContainText('1 unread')

  await carol.openLink(link)
  await carol.addPreviewed()

  await expect
    .poll(() => shown(anna))
    .toEqual([{ title: 'Contact request', body: 'Carol wants to write to you' }])
})

test('one of two tabs shows it, and either takes it away', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await allow(anna, 'Who wrote')
  const first = anna.page
  const second = await anna.openTab()
  for (const page of [first, second]) await look({ page }, false)
  const counts = await Promise.all([first, second].map(countShown))
  await boris.openChat('Anna')
  await boris.write('once')
  await expect.poll(() => shown(anna)).toHaveLength(1)
  const [one, two] = await Promise.all(counts.map((count) => count()))
  expect(one! + two!).toBe(1)

  anna.page = first
  await look(anna, true)
  await anna.openChat('Boris')
  await expect.poll(() => shown(anna)).toEqual([])
})

test('what the browser says to notifications is said', async ({ person }) => {
  const anna = await person('Anna')
  await anna.goTo('Settings')
  // A private window refuses without asking.
  await anna.page.getByText('Who wrote').click()
  await expect(anna.page.getByText('The browser blocks notifications of this page.')).toBeVisible()
  const notifications = anna.page.getByRole('group', { name: 'What notifications show' })
  await expect(notifications.getByRole('radio', { name: 'Off' })).toBeChecked()
})

/** Allows notifications, and chooses what they show. */
async function allow(person: Person, detail: string): Promise<void> {
  await person.context.grantPermissions(['notifications'], { origin: person.origin })
  await person.page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await person.reload()
  await person.goTo('Settings')
  const choices = person.page.getByRole('group', { name: 'What notifications show' })
  await choices.getByText(detail).click()
  await expect(choices).toHaveAttribute('aria-busy', 'false')
  // Not for a moment anything else: no waiting.
  expect(await choices.getByRole('radio', { name: detail }).isChecked()).toBe(true)
}

/** Browsers under test always have the focus: the page is told whether the person looks at it. */
async function look({ page }: Pick<Person, 'page'>, here: boolean): Promise<void> {
  await page.evaluate((focused) => {
    document.hasFocus = () => focused
    dispatchEvent(new Event(focused ? 'focus' : 'blur'))
  }, here)
}

async function shown({ page }: Person): Promise<{ title: string; body: string }[]> {
  return page.evaluate(async (lock) => {
    const registration = await navigator.serviceWorker.ready
    const notifications = await navigator.locks.request(lock, () => registration.getNotifications())
    return notifications.map(({ title, body }) => ({ title, body }))
  }, SHELF_LOCK)
}

/** Counts what a page shows from now on. */
async function countShown(page: Person['page']): Promise<() => Promise<number>> {
  const count = await page.evaluateHandle(() => {
    const counted = { shown: 0 }
    const { prototype } = ServiceWorkerRegistration
    const show = Object.getOwnPropertyDescriptor(prototype, 'showNotification')!.value as (
      title: string,
      options?: NotificationOptions,
    ) => Promise<void>
    prototype.showNotification = function (title, options) {
      counted.shown += 1
      return show.call(this, title, options)
    }
    return counted
  })
  return () => count.evaluate(({ shown }) => shown)
}

/** Clicks the notification there is, as the system tells the service worker. */
async function click(person: Person): Promise<void> {
  const [worker] = person.context.serviceWorkers()
  await worker!.evaluate(async () => {
    const scope = globalThis as unknown as {
      registration: ServiceWorkerRegistration
      NotificationEvent: new (type: string, init: { notification: Notification }) => Event
    }
    const [notification] = await scope.registration.getNotifications()
    dispatchEvent(new scope.NotificationEvent('notificationclick', { notification: notification! }))
  })
}
