import { arrive } from './arrive.ts'
import type { Internet } from './internet.ts'
import { Side } from './side.ts'

/** What "Check my connection" says where no UDP gets through, and all of STUN and TURN is beside the relay. */
const SAID: readonly (readonly [way: string, state: RegExp])[] = [
  ['WebSocket', /^Works, /],
  ['HTTP, one long answer', /^Works, /],
  ['STUN: what address others see', /^No answer/],
  ['TURN over UDP', /^Does not get through/],
  ['TURN over TCP', /^Works, /],
  ['TURN over TLS', /^Works, /],
]

/**
 * Somebody behind a network without UDP checks their connection. Resolves with what is said otherwise than it is, in words.
 * @param n of a side that no other has
 */
export async function runCheck(
  internet: Internet,
  { chromiumPath, n }: { chromiumPath: string; n: number },
): Promise<string[]> {
  await using stack = new AsyncDisposableStack()
  const side = stack.use(await Side.behind('UDP blocked', internet.namespace, n))
  const anna = await arrive(side, { internet, chromiumPath, stack })
  await anna.start('Anna')
  await anna.goTo('Network')
  const check = anna.page.getByRole('region', { name: 'Check my connection' })
  await check.getByRole('button', { name: 'Check', exact: true }).click()
  await check.getByRole('button', { name: 'Copy the result' }).waitFor()
  const rows = await check.getByRole('listitem').allInnerTexts()
  const said = new Map(
    rows.map((row) => row.split('\n').map((part) => part.trim()) as [string, string]),
  )
  return SAID.filter(([way, state]) => !state.test(said.get(way) ?? '')).map(
    ([way]) => `${way}: ${said.get(way) ?? 'not there'}`,
  )
}
