import { expect, talkingFriends, test } from './fixtures.ts'

const PASSPHRASE = 'seven birds on a wire'

test('locking locks every tab, and unlocking one brings all of them back', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await anna.write('before the lock')
  await anna.setPassphrase(PASSPHRASE)
  const first = anna.page
  await anna.openTab()
  await anna.openChat('Boris')
  const second = anna.page

  anna.page = first
  await anna.lock()
  anna.page = second
  await expect(anna.lockScreen).toBeVisible()
  for (const page of [first, second]) {
    await expect(page).toHaveTitle('Starling')
    expect(await page.content()).not.toMatch(/Anna|Boris|before the lock/)
  }
  await boris.write('while locked')

  await anna.unlock('seven birds on a wir')
  await expect(anna.page.getByRole('alert')).toHaveText(/That is not the passphrase/)
  await anna.unlock(PASSPHRASE)
  await expect(anna.message('before the lock')).toBeVisible()
  await expect(anna.message('while locked')).toBeVisible()
  await expect(first.getByRole('button', { name: 'Lock now' })).toBeVisible()
  await anna.write('and after')
  await expect(boris.message('and after')).toBeVisible()
})

test('with a passphrase it asks at every start, until that is removed', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.write('kept')
  await anna.setPassphrase(PASSPHRASE)
  await anna.leave()
  anna.page = await anna.context.newPage()
  await anna.page.goto(anna.origin)
  await expect(anna.lockScreen).toBeVisible()
  await anna.unlock(PASSPHRASE)
  await anna.openChat('Notes to self')
  await expect(anna.message('kept')).toBeVisible()

  await anna.goTo('Settings')
  await anna.page.getByRole('button', { name: 'Remove passphrase…' }).click()
  const current = anna.page.getByLabel('Current passphrase')
  const remove = anna.page.getByRole('button', { name: 'Remove passphrase', exact: true })
  await remove.click()
  await expect(current).toHaveAccessibleDescription(/^Enter the passphrase/)
  await current.fill(PASSPHRASE)
  await remove.click()
  await expect(anna.page.getByRole('button', { name: 'Set a passphrase…' })).toBeVisible()
  await anna.leave()
  await anna.comeBack()
  await anna.openChat('Notes to self')
  await expect(anna.message('kept')).toBeVisible()
})

test('whoever forgot the passphrase can begin anew', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.write('to be forgotten')
  await anna.setPassphrase(PASSPHRASE)
  await anna.lock()

  await anna.page.getByRole('button', { name: 'Forgot the passphrase?' }).click()
  await anna.page.getByLabel('Type “erase” to confirm').fill('erase')
  await anna.page.getByRole('button', { name: 'Erase for good' }).click()
  await anna.start('Nobody')
  await anna.openChat('Notes to self')
  await expect(anna.message('to be forgotten')).toBeHidden()
  await anna.goTo('Settings')
  await expect(anna.page.getByRole('button', { name: 'Set a passphrase…' })).toBeVisible()
})

test('locking again and again, it comes back each time', async ({ person }) => {
  const anna = await person('Anna')
  await anna.setPassphrase(PASSPHRASE)
  for (let round = 0; round < 5; round += 1) {
    await anna.lock()
    await anna.unlock(PASSPHRASE)
    await anna.navigation.waitFor()
  }
})
