import { PeerProcess } from '../support/peer.ts'
import { expect, test } from './fixtures.ts'

test('a browser talks with a peer that has none', async ({ ownRelay: relay, person }) => {
  await using echo = await PeerProcess.start(relay, 'Echo', '--echo', '--accept-all')
  const anna = await person('Anna', { relay })
  await anna.openLink(echo.card)
  await anna.addPreviewed()
  await echo.event('contact', ({ name, state }) => name === 'Anna' && state === 'mutual')

  await anna.openChat('Echo')
  await anna.write('is anybody there?')
  await expect(anna.message('is anybody there?')).toHaveCount(2)
  await expect(anna.message('is anybody there?').locator('[data-state=read]')).toBeVisible()

  const { from: to, id } = await echo.event('message')
  await echo.ask({ type: 'react', to, id, emoji: '👍' })
  await expect(anna.page.getByRole('button', { name: '👍 from Echo' })).toBeVisible()
  const said = await echo.ask({ type: 'send', to, text: 'it is noon' })
  const { id: mine } = said as Extract<typeof said, { type: 'done' }>
  await echo.ask({ type: 'edit', to, id: mine!, text: 'it is one' })
  await expect(anna.message('it is one')).toContainText('edited')
  await echo.ask({ type: 'delete', to, id: mine! })
  await expect(anna.message('it is one')).toHaveCount(0)

  // Away, it finds what was written when it is back.
  await echo.kill()
  await anna.write('and now?')
  await echo.up()
  await expect(anna.message('and now?')).toHaveCount(2)
})
