import { randomBytes } from 'node:crypto'
import type { Person } from '../support/person.ts'
import { arrive } from './arrive.ts'
import type { Internet } from './internet.ts'
import { type Line, Side } from './side.ts'

/** It takes some ten seconds: it is on its way when the network changes. */
const FILE_BYTES = { good: 10_000_000, bad: 1_000_000 }

export interface HandoverResult {
  /** From the new network to the first message over it, from each to the other, milliseconds. */
  toMoverMs: number
  fromMoverMs: number
  /** From the new network until the file that was on its way is there. */
  fileMs: number
}

/**
 * Two people write, and a file goes from one to the other, when the one leaves home: another address, behind another NAT.
 * @param n three numbers of sides from this one on, which no other has
 * @throws TimeoutError when something does not arrive, Error when something arrives twice or out of order
 */
export async function runHandover(
  internet: Internet,
  { chromiumPath, n, line }: { chromiumPath: string; n: number; line: Line },
): Promise<HandoverResult> {
  await using stack = new AsyncDisposableStack()
  const mobile = stack.use(await Side.behind('port-restricted', internet.namespace, n, line))
  const fixed = stack.use(await Side.behind('none', internet.namespace, n + 1))
  const components = { internet, chromiumPath, stack }
  const anna = await arrive(mobile, components)
  const boris = await arrive(fixed, components)
  await anna.start('Anna')
  await boris.start('Boris')
  // Or a good line would have brought it before.
  if (line === 'good') await boris.limitSpeed('Getting', '1 MB/s')
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  await boris.openChat('Anna')
  await anna.openChat('Boris')
  await anna.presence('Direct').waitFor()
  await boris.write('before')
  await anna.message('before').waitFor()
  await anna.attach({
    name: 'film.bin',
    mimeType: 'application/octet-stream',
    buffer: randomBytes(FILE_BYTES[line]),
  })
  await anna.pressSend()
  const film = boris.message('film.bin')
  await film.getByText(/% of /).waitFor()

  const moved = mobile.moveTo('carrier', internet.namespace, n + 2, line)
  await boris.write('into the gap')
  await moved
  const movedMs = performance.now()
  const since = async (happened: Promise<void>): Promise<number> => {
    await happened
    return Math.round(performance.now() - movedMs)
  }
  const [toMoverMs, fromMoverMs, fileMs] = await Promise.all([
    since(boris.write('are you there').then(() => anna.message('are you there').waitFor())),
    since(anna.write('on the road').then(() => boris.message('on the road').waitFor())),
    since(film.getByRole('button', { name: 'Save film.bin' }).waitFor()),
  ])
  await onceInOrder(anna, ['before', 'into the gap', 'are you there'])
  await onceInOrder(boris, ['film.bin', 'on the road'])
  return { toMoverMs, fromMoverMs, fileMs }
}

/** @throws Error when these messages of the other one are not there, each once, one after the other */
async function onceInOrder({ page }: Person, texts: readonly string[]): Promise<void> {
  const shown = await page.getByRole('article').allInnerTexts()
  const order = shown.flatMap((each) => texts.filter((text) => each.includes(text)))
  if (order.join() !== texts.join()) throw new Error(`came as ${order.join()}`)
}
