import { recordBadges } from '../support/page-scripts.ts'
import { expect, friends, test } from './fixtures.ts'

test('unread messages are counted until they are on the screen', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await anna.goTo('Chats')
  await boris.openChat('Anna')

  await boris.write('one')
  await boris.write('two')

  await expect(anna.chat('Boris')).toContainText('2 unread')
  await anna.openChat('Boris')
  await expect(anna.page.getByText('New messages')).toBeVisible()
  await anna.goTo('Chats')
  await expect(anna.chat('Boris')).not.toContainText('unread')
})

test('what is unread is counted in the title and on the icon, each time once; muted chats are not', async ({
  person,
}) => {
  const [anna, boris] = await friends(person)
  await anna.page.addInitScript(recordBadges)
  await anna.reload()
  await anna.goTo('Chats')
  await boris.openChat('Anna')
  await boris.write('one')
  await boris.write('two')
  await expect(anna.page).toHaveTitle('(2) Chats · Starling')
  expect(await anna.page.evaluate(() => window.badges)).toEqual([0, 1, 2])

  await anna.openChat('Boris')
  await expect(anna.page).toHaveTitle('Chats · Starling')
  await anna.chooseInChatMenu('Mute…')
  await anna.page.getByRole('button', { name: 'For 8 hours' }).click()
  await anna.goTo('Chats')
  await boris.write('three')

  await expect(anna.chat('Boris')).toContainText('1 unread')
  await expect(anna.chat('Boris')).toContainText('Muted')
  await expect(anna.page).toHaveTitle('Chats · Starling')
  expect(await anna.page.evaluate(() => window.badges)).toEqual([0, 1, 2, 0])
  await anna.goTo('Contacts')
  await anna.contact('Boris').click()
  await expect(anna.page.getByText(/^Muted until/)).toBeVisible()
  await anna.page.getByRole('button', { name: 'Unmute' }).click()
  await expect(anna.page).toHaveTitle('(1) Contacts · Starling')
})

test('a chat opens at the first unread message, and tells as read only what was on the screen', async ({
  person,
}) => {
  const [anna, boris] = await friends(person)
  await anna.openChat('Boris')
  await anna.goTo('Chats')
  await boris.openChat('Anna')
  await boris.write('look at this')
  await boris.write(`begin ${'long '.repeat(600)}end`)
  await boris.write('and this')
  await expect(anna.chat('Boris')).toContainText('3 unread')

  await anna.openChat('Boris')

  await expect(anna.message('look at this')).toBeInViewport({ ratio: 1 })
  await expect(anna.message('begin')).toBeInViewport()
  await expect(boris.state('look at this')).toHaveText('Read')
  await expect(boris.state('and this')).toHaveText('Delivered')
  await anna.page.getByRole('button', { name: /newest/ }).click()
  await expect(anna.message('and this')).toBeInViewport({ ratio: 1 })
  await expect(boris.state('and this')).toHaveText('Read')
})

test('a pinned conversation stays on top, an archived one goes out of the way', async ({
  person,
}) => {
  const [anna] = await friends(person)
  await anna.openChat('Notes to self')
  await anna.write('the newest')
  await anna.goTo('Chats')
  await expect(anna.chats.first()).toContainText('Notes to self')

  await anna.openChat('Boris')
  await anna.chooseInChatMenu('Pin')
  await anna.goTo('Chats')
  await expect(anna.chats.first()).toContainText('Boris')

  await anna.openChat('Boris')
  await anna.chooseInChatMenu('Archive')
  await anna.goTo('Chats')
  await expect(anna.chat('Boris')).toBeHidden()
  await anna.page.getByText('Archived', { exact: true }).click()
  await expect(anna.page.getByRole('link', { name: /Boris/ })).toBeVisible()
})

test('a draft shows in the list and waits in the field', async ({ person }) => {
  const [anna] = await friends(person)
  await anna.openChat('Boris')
  await anna.composer.fill('half a thought')

  await anna.openChat('Notes to self')
  await anna.goTo('Chats')

  await expect(anna.chat('Boris')).toContainText('Draft: half a thought')
  await anna.openChat('Boris')
  await expect(anna.composer).toHaveValue('half a thought')
})

test('my own name for somebody is shown everywhere, and kept', async ({ person }) => {
  const [anna] = await friends(person)
  await anna.goTo('Contacts')
  await anna.contact('Boris').click()

  await anna.page.getByLabel('Your name for them').fill('Brother')
  await anna.page.getByLabel('Note').fill('met on the train')
  await anna.page.getByLabel('Note').blur()

  await expect(anna.page.getByText('Calls themselves Boris')).toBeVisible()
  await anna.reload()
  await anna.goTo('Contacts')
  await anna.contact('Brother').click()
  await expect(anna.page.getByLabel('Note')).toHaveValue('met on the train')
  await anna.openChat('Brother')
})

test('a changed name reaches my contacts', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await boris.goTo('Settings')

  await boris.page.getByLabel('Name', { exact: true }).fill('Borya')
  await boris.page.getByRole('button', { name: 'Save' }).click()

  await anna.goTo('Contacts')
  await expect(anna.contact('Borya')).toBeVisible()
})

test('one who leaves is offline at once, and was last seen then', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await anna.goTo('Contacts')
  await expect(anna.contact('Boris')).toContainText('Direct')

  await boris.leave()

  await expect(anna.contact('Boris')).toContainText('Last seen just now')
})

test('somebody blocked before the first message can be unblocked where they were', async ({
  person,
}) => {
  const [anna] = await friends(person)
  await anna.openChat('Boris')

  await anna.chooseInChatMenu('Block…')
  await anna.page.getByRole('dialog').getByRole('button', { name: 'Block' }).click()

  await anna.page.getByRole('button', { name: 'Unblock' }).click()
  await expect(anna.composer).toBeVisible()
})

test('somebody blocked is marked as such in the list', async ({ person }) => {
  const [anna] = await friends(person)
  await anna.openChat('Boris')
  await anna.write('so long')

  await anna.chooseInChatMenu('Block…')
  await anna.page.getByRole('dialog').getByRole('button', { name: 'Block' }).click()

  await expect(anna.chat('Boris')).toContainText('Blocked')
})

test('a contact is deleted and their messages are kept', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await boris.openChat('Anna')
  await boris.write('to be kept')
  await anna.openChat('Boris')
  await expect(anna.message('to be kept')).toBeVisible()

  await anna.chooseInChatMenu('Delete…')
  await anna.page.getByRole('button', { name: 'Delete contact, keep messages' }).click()

  await expect(anna.message('to be kept')).toBeVisible()
  await expect(anna.page.getByText('This person is not in your contacts any more.')).toBeVisible()
  await expect(boris.presence('Last seen just now')).toBeVisible()
  await anna.chooseInChatMenu('Delete…')
  const dialog = anna.page.getByRole('dialog')
  await expect(dialog.getByRole('button', { name: 'Delete the messages' })).toBeVisible()
  await expect(dialog).not.toContainText('contact')
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  await anna.page.getByRole('button', { name: 'Add again' }).click()
  await boris.write('still here')
  await expect(anna.message('still here')).toBeVisible()
})
