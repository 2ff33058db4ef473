import type { Person } from '../support/person.ts'
import { arrive } from './arrive.ts'
import { Capture } from './capture.ts'
import type { Internet } from './internet.ts'
import { Side } from './side.ts'

export interface HiddenResult {
  /** Packets that left the device of who hid their address from the start, by where they went to. */
  hidden: Map<string, number>
  /** The same once they showed it again: that a capture sees what it is there for. */
  shown: Map<string, number>
  /** SDP of what the page said of itself while hidden, for each WebRTC connection it made. */
  described: string[]
}

/**
 * Somebody hides their address before anything else, and then writes with somebody who does not, also after a reload.
 * @param n two sides from this number on, which no other has
 */
export async function runHidden(
  internet: Internet,
  { chromiumPath, n }: { chromiumPath: string; n: number },
): Promise<HiddenResult> {
  await using stack = new AsyncDisposableStack()
  const sides = [
    stack.use(await Side.behind('none', internet.namespace, n)),
    stack.use(await Side.behind('none', internet.namespace, n + 1)),
  ] as const
  const components = { internet, chromiumPath, stack }
  const hidden = stack.use(await Capture.leaving('wan', sides[0].home))
  const anna = await arrive(sides[0], components)
  await anna.page.locator('summary', { hasText: 'Network address' }).click()
  await anna.page.getByText('Hidden', { exact: true }).click()
  await anna.page.getByRole('radio', { name: 'Hidden', checked: true }).waitFor()
  await anna.start('Anna')
  const boris = await arrive(sides[1], components)
  await boris.start('Boris')
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  await boris.openChat('Anna')
  await boris.write('Where are you?')
  await anna.openChat('Boris')
  await anna.message('Where are you?').waitFor()
  const described = await descriptions(anna)
  await anna.page.reload()
  await anna.write('Not telling')
  await boris.message('Not telling').waitFor()
  described.push(...(await descriptions(anna)))
  const result = { hidden: await hidden.end(), described }

  const shown = stack.use(await Capture.leaving('wan', sides[0].home))
  await anna.choose('Network address', 'Directly')
  await anna.goTo('Chats')
  await anna.openChat('Boris')
  await anna.presence('Direct').waitFor()
  return { ...result, shown: await shown.end() }
}

function descriptions({ page }: Person): Promise<string[]> {
  return page.evaluate(() =>
    (window.peerConnections ?? []).map(({ localDescription }) => localDescription?.sdp ?? ''),
  )
}
