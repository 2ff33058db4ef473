import { launchChromium } from '../support/chromium.ts'
import { Person } from '../support/person.ts'
import { recordPeerConnections } from '../support/page-scripts.ts'
import type { Relay } from '../support/relay.ts'
import type { Visitor } from './visitor.ts'

/** Anna, in Chromium. */
export async function anna(relay: Relay): Promise<Person & AsyncDisposable> {
  const browser = await launchChromium()
  const context = await browser.newContext({ locale: 'en-GB' })
  await context.addInitScript(recordPeerConnections)
  const person = await Person.arrive(context, relay.origin)
  await person.start('Anna')
  return Object.assign(person, { [Symbol.asyncDispose]: () => browser.close() })
}

/** The main job, across browsers: meets by link, writes both ways, and says that it arrived. */
export async function converse(anna: Person, visitor: Visitor): Promise<void> {
  const link = await anna.myLink()
  await visitor.open(anna.origin)
  await visitor.start('Wanda')
  await visitor.open(link)
  await visitor.press('button', 'Add')
  await anna.accept('Wanda')

  await anna.openChat('Wanda')
  await anna.write('from Chromium')
  await visitor.sees('from Chromium')
  await visitor.write('and back')
  await anna.message('and back').waitFor()
}
