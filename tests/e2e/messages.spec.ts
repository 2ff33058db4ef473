import { expect, talkingFriends, test } from './fixtures.ts'

test('a message is answered, reacted to, changed, and taken back from both', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.write('See you at six')
  await expect(anna.message('See you at six')).toBeVisible()

  await anna.chooseForMessage('See you at six', 'Reply')
  await expect(anna.page.getByText('Reply to Boris')).toBeVisible()
  await anna.write('I will be there')
  await expect(boris.message('I will be there')).toContainText('See you at six')

  await anna.chooseForMessage('See you at six', 'React with ❤️')
  const heart = boris.page.getByRole('button', { name: '❤️ from Anna' })
  await expect(heart).toBeVisible()
  await expect(boris.chat('Anna')).toContainText('I will be there')

  await boris.composer.press('ArrowUp')
  await expect(boris.composer).toHaveValue('See you at six')
  await boris.composer.fill('See you at seven')
  await boris.composer.press('Enter')
  await expect(anna.message('See you at seven').first()).toContainText('edited')
  await expect(anna.message('I will be there')).toContainText('See you at seven')

  await boris.chooseForMessage('See you at seven', 'Delete…')
  await boris.page.getByRole('button', { name: 'For both of us' }).click()
  await expect(anna.page.getByText('This message was deleted')).toBeVisible()
  await expect(boris.page.getByText('You deleted this message')).toBeVisible()
  await expect(anna.message('I will be there')).toContainText('This message is no longer here')
  await expect(anna.page.getByText('See you at seven')).toHaveCount(0)
})

test('who types is seen typing, a message is brought along, and its times are told', async ({
  person,
}) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.write('the address is Elm Street 5')
  await expect(anna.message('Elm Street')).toBeVisible()

  await boris.composer.pressSequentially('hm')
  await expect(anna.page.getByText('typing…').first()).toBeVisible()
  await boris.composer.fill('')
  await expect(anna.page.getByText('typing…')).toHaveCount(0)

  await anna.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await anna.chooseForMessage('Elm Street', 'Copy text')
  const copied = () => anna.page.evaluate(() => navigator.clipboard.readText())
  await expect.poll(copied).toBe('the address is Elm Street 5')

  await anna.chooseForMessage('Elm Street', 'Forward…')
  await anna.page.getByRole('checkbox', { name: 'Notes to self' }).check()
  await anna.page.getByRole('dialog').getByRole('button', { name: 'Send' }).click()
  await anna.openChat('Notes to self')
  await expect(anna.message('Elm Street')).toContainText('Forwarded')

  await expect(boris.state('Elm Street')).toHaveText('Read')
  await boris.chooseForMessage('Elm Street', 'Message info')
  const info = boris.page.getByRole('dialog')
  for (const state of ['Delivered', 'Read']) {
    await expect(info.locator('dt', { hasText: state }).locator('+ dd')).toContainText(/\d:\d\d/)
  }
})

test('messages disappear when both know they will, and what was read can stay untold', async ({
  person,
}) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.chooseInChatMenu('Disappearing messages…')
  await boris.page.getByRole('button', { name: '1 hour' }).click()
  await expect(boris.page.getByText('You set messages to disappear')).toBeVisible()
  await expect(anna.page.getByText('Boris set messages to disappear. Time: 1 hour.')).toBeVisible()

  await anna.goTo('Settings')
  const receipts = anna.page.getByRole('group', { name: 'Read receipts' })
  await receipts.getByText('Off', { exact: true }).click()
  await anna.openChat('Boris')
  await boris.write('for an hour')
  await expect(anna.message('for an hour')).toBeVisible()
  await expect(anna.message('for an hour').getByText(/^Disappears/)).toBeAttached()
  await expect(boris.state('for an hour')).toHaveText('Delivered')
  // What Anna has read would have been told by what she writes next.
  await anna.write('got it')
  await expect(boris.message('got it')).toBeVisible()
  await expect(boris.state('for an hour')).toHaveText('Delivered')
})
