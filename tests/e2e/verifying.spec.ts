import { generateKeyPair } from '@libp2p/crypto/keys'
import { cardFragment, sealCard } from '../../src/lib/features/contacts/card.ts'
import { peerIdOf } from '../../src/lib/protocol/ids.ts'
import { signedBytes } from '../../src/lib/protocol/signed.ts'
import { expect, friends, test } from './fixtures.ts'

test('both see the same twelve safety words, and a contact whose words are the same is marked', async ({
  person,
}) => {
  const [anna, boris] = await friends(person)
  await anna.openSafetyWords('Boris')
  await boris.openSafetyWords('Anna')
  const words = await anna.safetyWords()
  expect(words).toHaveLength(12)
  expect(await boris.safetyWords()).toEqual(words)

  await anna.page.getByRole('button', { name: 'They are the same' }).click()

  await expect(anna.page.getByText('You compared the safety words with Boris')).toBeVisible()
  await anna.goTo('Contacts')
  await expect(anna.contact('Boris')).toContainText('Verified')
  await anna.openChat('Boris')
  await expect(anna.page.getByRole('button', { name: /Boris.*Verified/ })).toBeVisible()

  await anna.openSafetyWords('Boris')
  await anna.page.getByRole('button', { name: 'Take the mark away' }).click()
  await anna.goTo('Contacts')
  await expect(anna.contact('Boris')).not.toContainText('Verified')
})

test('the code on the screen of the other marks them; another one warns', async ({ person }) => {
  const [anna, boris] = await friends(person)
  const carol = await person('Carol')
  await carol.meet(anna, { mine: 'Carol', theirs: 'Anna' })
  await carol.openSafetyWords('Anna')
  await boris.openSafetyWords('Anna')
  await anna.openSafetyWords('Boris')
  await anna.page.getByRole('button', { name: 'Scan theirs' }).click()

  await anna.choosePicture(await carol.safetyPicture.screenshot())
  await expect(anna.page.getByRole('alert')).toContainText('These are not the same keys.')

  await anna.page.getByLabel('Their safety code').fill('hello')
  await anna.page.getByRole('button', { name: 'Continue' }).click()
  await expect(anna.page.getByLabel('Their safety code')).toHaveAccessibleDescription(
    /^This is not a safety code\./,
  )

  await anna.choosePicture(await boris.safetyPicture.screenshot())
  await expect(anna.page.getByText('You compared the safety words with Boris')).toBeVisible()
})

test('words that differ warn', async ({ person }) => {
  const [anna] = await friends(person)
  await anna.openSafetyWords('Boris')

  await anna.page.getByRole('button', { name: 'They differ' }).click()

  await expect(anna.page.getByRole('alert')).toContainText('somebody may be in between')
})

test('a contact with another key is shown as such until it is accepted', async ({ person }) => {
  const anna = await person('Anna')
  const dora = await cards('Dora')
  await anna.openLink(`${anna.origin}/${await dora(1)}`)
  await anna.addPreviewed()
  await expect(anna.composer).toBeVisible()
  await anna.openSafetyWords('Dora')
  await anna.page.getByRole('button', { name: 'They are the same' }).click()
  await expect(anna.page.getByText('You compared the safety words with Dora')).toBeVisible()

  await anna.openLink(`${anna.origin}/${await dora(2)}`)
  await expect(anna.page.getByText('This code names another key')).toBeVisible()
  await anna.page.getByRole('button', { name: 'Open the chat' }).click()

  const warning = anna.page.getByRole('alert').filter({ hasText: 'Key changed' })
  await expect(warning).toContainText('Dora shows another key than before.')
  await expect(anna.page.getByText('Only the two of you can read')).toBeHidden()
  await anna.write('waits until then')
  await anna.goTo('Contacts')
  await expect(anna.contact('Dora')).toContainText('Key changed')
  await expect(anna.contact('Dora')).not.toContainText('Verified')

  await anna.openChat('Dora')
  await warning.getByRole('button', { name: 'Accept…' }).click()
  await anna.page.getByRole('button', { name: 'Accept the new key' }).click()
  await expect(warning).toBeHidden()
  await expect(anna.message('waits until then')).toBeVisible()
})

test('one who takes the name of another contact is told apart', async ({ person }) => {
  const [anna] = await friends(person)
  const other = await person('Воris')
  await other.openLink(await anna.myLink())
  await other.addPreviewed()
  await anna.goTo('Contacts')
  await expect(anna.request('Воris')).toContainText('You already have a contact called like this.')

  await anna.accept('Воris')

  await anna.goTo('Contacts')
  await expect(anna.contact('Воris')).toContainText('Another contact is called the same')
})

/** Cards of somebody new, each with the key commitment of a number. */
async function cards(name: string): Promise<(commitment: number) => Promise<string>> {
  const key = await generateKeyPair('Ed25519')
  const publicKey = key.publicKey.raw
  const signer = {
    publicKey,
    sign: async (context: string, body: Uint8Array) =>
      Uint8Array.from(await key.sign(signedBytes(context, body))),
  }
  return async (commitment) => {
    const keyCommitment = new Uint8Array(32).fill(commitment)
    const peer = peerIdOf(publicKey)
    const card = { peer, name, keyCommitment, relays: [], expiresAtMs: null }
    return cardFragment(await sealCard(card, signer))
  }
}
