import { test as base, expect, type Browser, type BrowserContextOptions } from '@playwright/test'
import { Front } from '../support/front.ts'
import type { Middlebox } from '../support/middlebox.ts'
import { freePort, Relay } from '../support/relay.ts'
import { Person } from '../support/person.ts'
import { dropUdp, recordPeerConnections, removeSharedWorker } from '../support/page-scripts.ts'

export { expect, Person }

export interface HostOption {
  /** Where the node runs: in a SharedWorker, or in a worker of one tab because there is no SharedWorker. */
  host: 'shared' | 'elected'
}

interface Fixtures {
  /**
   * Someone with a browser of their own, who has opened the page and said their name. Without a relay named,
   * the one that all tests of a worker use.
   */
  person: (name: string, options?: PersonOptions) => Promise<Person>
  /** A browser that has never been here, with nothing open. */
  stranger: (options?: PersonOptions) => Promise<Person>
  /** A relay of this test alone, to be killed and started again. */
  ownRelay: Relay
  /** A proxy before a relay of its own, which tells nobody another address. */
  front: Front
}

export interface PersonOptions extends BrowserContextOptions {
  /** Where they open the page. */
  relay?: Relay | Front | Middlebox
  /** Whether WebRTC may go by UDP, as it may by default. */
  udp?: boolean
  /** In which; default: the one that all tests of a worker use. */
  browser?: Browser
}

interface WorkerFixtures {
  relay: Relay
}

export const test = base.extend<Fixtures & HostOption, WorkerFixtures>({
  host: ['shared', { option: true }],

  relay: [
    async ({ browserName: _ }, use) => {
      await using relay = await Relay.start()
      await use(relay)
    },
    { scope: 'worker' },
  ],

  ownRelay: async ({ browserName: _ }, use) => {
    await using relay = await Relay.start()
    await use(relay)
  },

  front: async ({ browserName: _ }, use) => {
    await using both = new AsyncDisposableStack()
    const port = await freePort()
    const front = both.use(await Front.before({ port }))
    both.use(await Relay.startAt(port, '--public-url', front.origin))
    await use(front)
  },

  stranger: async ({ browser: usual, host, relay: shared }, use) => {
    const people: Person[] = []
    await use(async ({ relay = shared, browser = usual, udp = true, ...options } = {}) => {
      const context = await browser.newContext(options)
      await context.addInitScript(recordPeerConnections)
      if (!udp) await context.addInitScript(dropUdp)
      if (host === 'elected') await context.addInitScript(removeSharedWorker)
      const person = await Person.arrive(context, relay.origin)
      people.push(person)
      return person
    })
    for (const person of people) await person.context.close()
  },

  person: async ({ stranger }, use) => {
    await use(async (name, options) => {
      const person = await stranger(options)
      await person.start(name)
      return person
    })
  },
})

/** Anna and Boris, who have each other as contacts. */
export async function friends(
  person: Fixtures['person'],
  options?: PersonOptions,
): Promise<[anna: Person, boris: Person]> {
  const anna = await person('Anna', options)
  const boris = await person('Boris', options)
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  return [anna, boris]
}

/** The same, with pages from different relays: at the other's Boris would be nobody, so he carries the code to his own. */
export async function friendsAt(
  person: Fixtures['person'],
  relays: [annas: Relay, boriss: Relay],
): Promise<[anna: Person, boris: Person]> {
  const anna = await person('Anna', { relay: relays[0] })
  const boris = await person('Boris', { relay: relays[1] })
  const link = await anna.myLink()
  await boris.openScan()
  await boris.pasteCode(link)
  await boris.addPreviewed()
  await anna.accept('Boris')
  return [anna, boris]
}

/** The same at one relay, each with the conversation open. */
export async function talkingFriends(
  person: Fixtures['person'],
  options?: PersonOptions,
): Promise<[anna: Person, boris: Person]> {
  const [anna, boris] = await friends(person, options)
  await anna.openChat('Boris')
  await boris.openChat('Anna')
  return [anna, boris]
}

/** A channel whose other end went without a word is doubted for 15 s before what waits goes to mailboxes. */
export async function expectStored(person: Person, text: string): Promise<void> {
  await expect(person.state(text)).toHaveAttribute('data-state', 'stored', { timeout: 45_000 })
}
