import { expect, type Person, test } from './fixtures.ts'

/** Lines of candidates in all that the page has described of itself, and was described: none where it made no connection. */
async function candidates(person: Person): Promise<string[]> {
  const pages = await Promise.all(
    person.context
      .pages()
      .map((page) =>
        page.evaluate(() =>
          (window.peerConnections ?? []).map(
            ({ localDescription }) => localDescription?.sdp ?? 'nothing yet',
          ),
        ),
      ),
  )
  return pages.flat()
}

test('who hides their address from the start makes no direct connection, also after a reload', async ({
  person,
  stranger,
}) => {
  const anna = await stranger()
  await anna.page.locator('summary', { hasText: 'Network address' }).click()
  await anna.page.getByText('Hidden', { exact: true }).click()
  await expect(anna.page.getByRole('radio', { name: 'Hidden' })).toBeChecked()
  await anna.start('Anna')
  const boris = await person('Boris')
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  await boris.openChat('Anna')
  await boris.write('Where are you?')
  await anna.openChat('Boris')
  await expect(anna.message('Where are you?')).toBeVisible()
  await anna.write('Guess')
  await expect(boris.message('Guess')).toBeVisible()
  await expect(anna.presence('Through a relay')).toBeVisible()
  expect(await candidates(anna)).toEqual([])

  await anna.page.reload()
  await expect(anna.presence('Through a relay')).toBeVisible()
  await anna.write('Still not telling')
  await expect(boris.message('Still not telling')).toBeVisible()
  expect(await candidates(anna)).toEqual([])
})

test('an address that is hidden later ends direct connections, and shown again they are back', async ({
  person,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  await anna.openChat('Boris')
  await expect(anna.presence('Direct')).toBeVisible()
  await anna.choose('Network address', 'Hidden')
  await anna.goTo('Chats')
  await anna.openChat('Boris')
  await expect(anna.presence('Through a relay')).toBeVisible()
  await anna.write('By the relay')
  await boris.openChat('Anna')
  await expect(boris.message('By the relay')).toBeVisible()
  await expect(boris.presence('Through a relay')).toBeVisible()

  await anna.choose('Network address', 'Directly')
  await anna.goTo('Chats')
  await anna.openChat('Boris')
  await expect(anna.presence('Direct')).toBeVisible()
})
