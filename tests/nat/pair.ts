import { setTimeout as delay } from 'node:timers/promises'
import { type ChosenPath, chosenPath } from '../support/page-scripts.ts'
import type { Person } from '../support/person.ts'
import { arrive } from './arrive.ts'
import type { Internet } from './internet.ts'
import { type Kind, meetDirectly } from './kinds.ts'
import { type Line, Side } from './side.ts'

/** A path may begin at a TURN server and then become direct: so long it is looked at, or longer where it should. */
const SETTLE_MS = 2_000
const BECOME_DIRECT_MS = 20_000

/** How long a WebRTC connection is waited for: libp2p tries it when two have met by a circuit. */
const CONNECT_MS = 45_000

const WAYS = ['TURN by TCP', 'TURN by UDP', 'direct'] as const

export interface PairResult {
  pair: [Kind, Kind]
  /** From the click that adds the other to their first message on the other screen; the other accepts at once. */
  firstMessageMs: number | null
  path: 'direct' | 'TURN by UDP' | 'TURN by TCP' | 'circuit' | 'none'
  /** Why it is `none`. */
  failure: string | null
}

/** How long all of it may take: a browser that hangs is no reason to wait for ever. */
const PAIR_MS = 150_000

/**
 * Two people with browsers of their own, each behind one of the kinds, meet and write.
 * @param turn how many pairs were before: each has addresses of its own, for whose connections nothing is left at the relay
 */
export async function runPair(
  pair: [Kind, Kind],
  internet: Internet,
  { chromiumPath, turn, line }: { chromiumPath: string; turn: number; line: Line },
): Promise<PairResult> {
  await using stack = new AsyncDisposableStack()
  const result: PairResult = { pair, firstMessageMs: null, path: 'none', failure: null }
  const inTime = new AbortController()
  const late = delay(PAIR_MS, undefined, { signal: inTime.signal }).then(() => {
    throw new Error(`not done in ${PAIR_MS / 1_000} s`)
  })
  try {
    await Promise.race([meet(), late])
  } catch (error) {
    result.failure = String(error)
  }
  inTime.abort()
  await late.catch(() => undefined)
  return result

  async function meet(): Promise<void> {
    const people: Person[] = []
    for (const [n, kind] of pair.entries()) {
      const side = stack.use(await Side.behind(kind, internet.namespace, 2 * turn + n, line))
      await side.verify(internet.probes)
      people.push(await arrive(side, { internet, chromiumPath, stack }))
    }
    const [anna, boris] = people as [Person, Person]
    await anna.start('Anna')
    await boris.start('Boris')
    await boris.openLink(await anna.myLink())
    await boris.page.getByRole('button', { name: /^Add/ }).waitFor()
    await anna.goTo('Contacts')
    const startedMs = performance.now()
    await boris.addPreviewed()
    await anna.accept('Boris')
    await boris.write('hello')
    await anna.openChat('Boris')
    await anna.message('hello').waitFor({ timeout: CONNECT_MS })
    result.firstMessageMs = Math.round(performance.now() - startedMs)
    result.path = 'circuit'
    const patienceMs = meetDirectly(...pair) ? BECOME_DIRECT_MS : SETTLE_MS
    const paths = await Promise.all(people.map((each) => settledPath(each, patienceMs)))
    // Each knows only how it reaches a server itself.
    const longest = WAYS.find((way) => paths.includes(way))
    if (longest !== undefined && !paths.includes(null)) result.path = longest
  }
}

/** Null when there is no WebRTC connection in all this time. */
async function settledPath(person: Person, patienceMs: number): Promise<ChosenPath | null> {
  const look = (): Promise<ChosenPath | null> => person.page.evaluate(chosenPath)
  const endMs = performance.now() + CONNECT_MS
  while (performance.now() < endMs) {
    if ((await look()) !== null) {
      await delay(SETTLE_MS)
      const settledMs = performance.now() + patienceMs - SETTLE_MS
      while (performance.now() < settledMs && (await look()) !== 'direct') await delay(250)
      return await look()
    }
    await delay(250)
  }
  return null
}
