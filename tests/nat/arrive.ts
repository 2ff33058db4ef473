import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { recordPeerConnections } from '../support/page-scripts.ts'
import { Person } from '../support/person.ts'
import type { Internet } from './internet.ts'
import type { Side } from './side.ts'

/** How long anything on a page is waited for: behind some networks libp2p tries others first. */
const PAGE_MS = 45_000

export interface ArriveComponents {
  internet: Internet
  chromiumPath: string
  /** What the browser is ended with. */
  stack: AsyncDisposableStack
}

/** Somebody with a browser of their own, at home on this side, opens Starling. */
export async function arrive(
  side: Side,
  { internet, chromiumPath, stack }: ArriveComponents,
): Promise<Person> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-nat-browser-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const executablePath = join(folder, 'chromium')
  const command = [...side.home.prefix, chromiumPath].join(' ')
  await writeFile(executablePath, `#!/bin/sh\nexec ${command} "$@"\n`)
  await chmod(executablePath, 0o755)
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      // The relay vouches for its own certificate.
      '--ignore-certificate-errors',
      // Names that the browser itself looks up are none of Starling's; `.local` is how candidates hide addresses.
      `--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE *.local , EXCLUDE ${new URL(internet.origin).hostname}`,
    ],
  })
  stack.defer(() => browser.close())
  const context = await browser.newContext({ locale: 'en-GB', ignoreHTTPSErrors: true })
  context.setDefaultTimeout(PAGE_MS)
  await context.addInitScript(recordPeerConnections)
  return await Person.arrive(context, internet.origin)
}
