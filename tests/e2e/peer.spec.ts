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

  // Away, it finds what was written when it is back.
  await echo.kill()
  await anna.write('and now?')
  await echo.up()
  await expect(anna.message('and now?')).toHaveCount(2)
})
