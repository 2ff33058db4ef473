import { expect, talkingFriends, test } from './fixtures.ts'

test('messages go both ways, straight between the two browsers', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await expect(boris.presence('Direct')).toBeVisible()
  const before = await boris.directBytes()

  const long = 'ten characters '.repeat(400).trim()
  await boris.write(long)
  await expect(anna.message(long)).toBeVisible()
  await anna.write('Read it all.')
  await expect(boris.message('Read it all.')).toBeVisible()

  // What the browsers themselves count on their data channels is what was said.
  await expect
    .poll(async () => (await boris.directBytes()).sent - before.sent)
    .toBeGreaterThan(6000)
  await expect.poll(async () => (await anna.directBytes()).received).toBeGreaterThan(6000)
  await boris.goTo('Network')
  const connection = boris.page.getByRole('listitem').filter({ hasText: 'Anna' })
  await expect(connection.getByText('Direct').first()).toBeVisible()
  await connection.getByText('Direct').first().click()
  await expect(connection.getByText('WebRTC', { exact: true })).toBeVisible()
})

test('a message says how far it has come: delivered, then read', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await anna.goTo('Contacts')

  await boris.write('See you at six')

  await expect(boris.state('See you at six')).toHaveText('Delivered')
  await anna.goTo('Chats')
  await expect(anna.page.getByText('1 unread message').first()).toBeAttached()
  await anna.openChat('Boris')
  await expect(boris.state('See you at six')).toHaveText('Read')
})

test('a reload keeps who I am, my people, my messages and my draft', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.write('before the reload')
  await expect(anna.message('before the reload')).toBeVisible()
  await anna.composer.fill('half a thought')

  await anna.reload()

  await anna.openChat('Boris')
  await expect(anna.message('before the reload')).toBeVisible()
  await expect(anna.composer).toHaveValue('half a thought')
  await anna.write('after the reload')
  await expect(boris.message('after the reload')).toBeVisible()
})

test('what is written to someone who is away arrives when they return', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await anna.leave()
  await expect(boris.page.getByText(/Anna is offline/)).toBeVisible()

  await boris.write('first')
  await boris.write('second')
  await expect(boris.state('second')).toHaveText('Waiting to be sent')
  await anna.comeBack()
  await anna.openChat('Boris')

  await expect(anna.message('first')).toBeVisible()
  await expect(anna.message('second')).toBeVisible()
  await expect(anna.page.getByRole('article')).toHaveCount(2)
  await expect(boris.state('second')).toHaveText(/Delivered|Read/)
})

test('what both wrote while they never met arrives when both are there', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await anna.leave()
  await expect(boris.page.getByText(/Anna is offline/)).toBeVisible()
  await boris.write('from Boris')
  await boris.leave()
  await anna.comeBack()
  await anna.openChat('Boris')
  await anna.write('from Anna')
  await expect(anna.state('from Anna')).toHaveText('Waiting to be sent')

  await boris.comeBack()
  await boris.openChat('Anna')

  await expect(boris.message('from Anna')).toBeVisible()
  await expect(anna.message('from Boris')).toBeVisible()
})

test('someone blocked is not heard, and heard again when unblocked', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.write('hello')
  await expect(anna.message('hello')).toBeVisible()
  await anna.chooseInChatMenu('Block…')
  await anna.page.getByRole('dialog').getByRole('button', { name: 'Block' }).click()
  await expect(anna.page.getByText('You blocked Boris.')).toBeVisible()
  await expect(boris.page.getByText(/Anna is offline/)).toBeVisible()

  await boris.write('can you hear me?')

  await expect(boris.state('can you hear me?')).toHaveText('Waiting to be sent')
  await expect(anna.message('can you hear me?')).toBeHidden()
  await anna.page.getByRole('button', { name: 'Unblock' }).click()
  await expect(anna.message('can you hear me?')).toBeVisible()
})

test('a contact is deleted with their messages', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.write('to be forgotten')
  await expect(anna.message('to be forgotten')).toBeVisible()

  await anna.chooseInChatMenu('Delete…')
  await anna.page.getByRole('button', { name: 'Delete contact and messages' }).click()

  await anna.goTo('Chats')
  await expect(anna.page.getByText('to be forgotten')).toBeHidden()
  await anna.goTo('Contacts')
  await expect(anna.contact('Boris')).toBeHidden()
})

test('notes to self are there from the first day, and found by search', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.write('the blue key opens the cellar')

  await anna.goTo('Chats')
  await anna.page.getByRole('searchbox').fill('CELLAR')

  await expect(anna.page.getByText('the blue key opens the cellar').first()).toBeVisible()
})

test('a found message is shown, and the next time the chat opens at its end again', async ({
  person,
}) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.write('the blue key opens the cellar')
  await anna.write(`begin ${'long '.repeat(600)}end`)
  await anna.write('the newest')
  await anna.page.getByRole('searchbox').fill('cellar')
  await anna.page.getByRole('link', { name: 'opens the cellar' }).click()
  await expect(anna.message('the blue key')).toBeInViewport()
  await anna.page.getByRole('button', { name: 'Clear the search' }).click()

  await anna.goTo('Chats')
  await anna.openChat('Notes to self')

  await expect(anna.message('the newest')).toBeInViewport()
})

test('a link in a message leads out safely, and markup stays text', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')

  await anna.write('<img src=x onerror=alert(1)> https://example.org/a?b=1 javascript:alert(1)')

  const link = anna.page.getByRole('article').getByRole('link')
  await expect(link).toHaveCount(1)
  await expect(link).toHaveAttribute('href', 'https://example.org/a?b=1')
  await expect(link).toHaveAttribute('rel', /noopener/)
})
