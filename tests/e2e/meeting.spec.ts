import { generateKeyPair } from '@libp2p/crypto/keys'
import { cardFragment, sealCard } from '../../src/lib/features/contacts/card.ts'
import { peerIdOf } from '../../src/lib/protocol/ids.ts'
import { signedBytes } from '../../src/lib/protocol/signed.ts'
import { expect, test, type Person } from './fixtures.ts'

test('a link makes two people contacts of each other once one accepts', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')

  await boris.openLink(await anna.myLink())
  await expect(boris.page.getByRole('heading', { name: 'Anna' })).toBeVisible()
  await boris.addPreviewed()
  await anna.accept('Boris')

  await anna.openChat('Boris')
  await boris.openChat('Anna')
})

test('a picture of the QR code is read', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await anna.openMyCode()
  const picture = await anna.myCodePicture.screenshot()

  await boris.openScan()
  await boris.choosePicture(picture)
  await boris.addPreviewed()
  await anna.accept('Boris')

  await boris.openChat('Anna')
})

test('people on one network who want to be seen find each other', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await anna.showNearby()
  await expect(anna.page.getByRole('status').filter({ hasText: 'You can be seen.' })).toBeVisible()
  await boris.showNearby()
  await boris.nearby('Anna').click()
  await expect(boris.page.getByRole('heading', { name: 'Anna' })).toBeVisible()
  await boris.addPreviewed()

  await anna.goTo('Contacts')
  await anna.accept('Boris')
  await anna.openChat('Boris')
})

test('what is read may lead to files', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const file = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('south') }
  const link = await anna.shareFiles(file)

  await boris.openScan()
  await boris.pasteCode(link)
  await expect(boris.transferState('All here')).toBeVisible()
  await expect(boris.page.getByRole('heading', { name: 'notes.txt' })).toBeVisible()
})

test('one who has scanned me is accepted by scanning them', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await boris.openLink(await anna.myLink())
  await boris.addPreviewed()
  await anna.goTo('Contacts')
  await expect(anna.request('Boris')).toBeVisible()

  await anna.openLink(await boris.myLink())
  await anna.addPreviewed()

  await anna.goTo('Contacts')
  await expect(anna.contact('Boris')).toBeVisible()
  await expect(anna.request('Boris')).toBeHidden()
})

test('who comes by a friend’s link says their name, and that sends the request', async ({
  person,
  stranger,
}) => {
  const anna = await person('Anna')
  const boris = await stranger()

  await boris.openLink(await anna.myLink())
  await expect(boris.page.getByText('Anna invites you to chat')).toBeVisible()
  await boris.start('Boris')

  await expect(boris.composer).toBeVisible()
  await anna.accept('Boris')
})

test('the plain address of another program is read, and mine is there to copy', async ({
  person,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const plain = await anna.myPlainAddress()
  expect(plain).toMatch(/^12D3KooW\w+@\/\S+$/)

  await boris.openScan()
  await boris.pasteCode(plain)
  await boris.addPreviewed()

  await anna.accept('Boris')
  await boris.openChat('Anna')
})

test('who already has a Starling elsewhere is shown the way there', async ({
  person,
  stranger,
}) => {
  const anna = await person('Anna')
  const boris = await stranger()
  const link = await anna.myLink()

  await boris.openLink(link)
  await boris.page.getByText('I already use Starling').click()

  const open = boris.page.getByRole('link', { name: 'Open in my Starling' })
  await expect(open).toHaveAttribute('href', `web+starling:${link.split('#/c/')[1] ?? ''}`)
  await expect(boris.page.getByRole('button', { name: 'Copy the link' })).toBeVisible()
})

test('one who is declined is gone, unless I take that back', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await boris.openLink(await anna.myLink())
  await boris.addPreviewed()

  await anna.goTo('Contacts')
  await anna.request('Boris').getByRole('button', { name: 'Decline' }).click()

  await expect(anna.request('Boris')).toBeHidden()
  await expect(anna.contact('Boris')).toBeHidden()
  await anna.page.getByRole('button', { name: 'Undo' }).click()
  await expect(anna.request('Boris')).toBeVisible()
})

test('who scans my code asks right there, where a phone shows it', async ({ person }) => {
  const anna = await person('Anna', { viewport: { width: 390, height: 844 } })
  const boris = await person('Boris')
  const link = await anna.myLink()

  await boris.openLink(link)
  await boris.addPreviewed()

  await expect(anna.request('Boris')).toBeInViewport()
})

test('who has gone on before somebody is added is not led to them', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openLink(`${anna.origin}/${await cardOf({})}`)
  await leaveWhileAdding(anna)
  await expect(anna.contact('Nobody')).toHaveCount(1)

  await anna.openScan()
  await anna.pasteCode(await cardOf({}))
  await leaveWhileAdding(anna)
  await expect(anna.contact('Nobody')).toHaveCount(2)

  // Whatever was under way in the page is over once the page shows what it was asked for later.
  await anna.goTo('Network')
  await expect(anna.page).toHaveURL(/#\/network$/)
})

test.describe('a code that leads nowhere says why', () => {
  const problems = [
    ['malformed', 'hello', 'This is not a Starling code.'],
    ['foreign', 'https://example.org/hello', 'This code belongs to another program.'],
    ['expired', cardOf({ expiresAtMs: Date.UTC(2020, 0) }), 'This code has expired.'],
    ['tampered', cardOf({ flipBit: true }), 'This code was changed after it was made.'],
    ['newer', cardOf({ version: 2 }), 'This code comes from a newer Starling.'],
  ] as const

  for (const [kind, code, sentence] of problems) {
    test(kind, async ({ person }) => {
      const anna = await person('Anna')
      await anna.openScan()

      await anna.pasteCode(await code)

      await expect(anna.page.getByLabel('Link or code')).toHaveAccessibleDescription(
        new RegExp(`^${sentence}`),
      )
    })
  }

  test('my own', async ({ person }) => {
    const anna = await person('Anna')
    const link = await anna.myLink()
    await anna.openScan()

    await anna.pasteCode(link)

    await expect(anna.page.getByText('This is your own code.')).toBeVisible()
    await anna.page.getByRole('link', { name: 'My code' }).last().click()
    await expect(anna.myCodePicture).toBeVisible()
  })

  test('a picture without one', async ({ person }) => {
    const anna = await person('Anna')
    const picture = await anna.page.getByRole('navigation').screenshot()
    await anna.openScan()

    await anna.choosePicture(picture)

    const problem = anna.page.getByText('There is no code in this picture.')
    await expect(problem).toBeVisible()
    await anna.pasteCode('hello')
    await expect(problem).toBeHidden()
  })
})

/** Agrees to the person shown, and is back at the list before the answer can be there. */
async function leaveWhileAdding({ page }: Person): Promise<void> {
  const add = page.getByRole('button', { name: /^Add/ })
  await add.evaluate((button: HTMLElement) => {
    button.click()
    location.hash = '#/contacts'
  })
  await expect(add).toBeHidden()
}

interface CardFlaw {
  expiresAtMs?: number
  flipBit?: boolean
  version?: number
}

/** A card of somebody nobody knows, with one thing wrong. */
async function cardOf({ expiresAtMs, flipBit, version }: CardFlaw): Promise<string> {
  const key = await generateKeyPair('Ed25519')
  const publicKey = key.publicKey.raw
  const card = await sealCard(
    {
      peer: peerIdOf(publicKey),
      name: 'Nobody',
      keyCommitment: new Uint8Array(32),
      relays: ['localhost:1'],
      expiresAtMs: expiresAtMs ?? null,
    },
    {
      publicKey,
      sign: async (context, body) => Uint8Array.from(await key.sign(signedBytes(context, body))),
    },
  )
  if (version !== undefined) card[0] = version
  if (flipBit === true) {
    // The first letter of the name: the bytes stay well formed, only the signature no longer fits.
    const at = Buffer.from(card).indexOf('Nobody')
    card[at]! ^= 1
  }
  return cardFragment(card)
}
