import { test as base, type BrowserContextOptions } from '@playwright/test'
import type { Front } from '../support/front.ts'
import { Relay } from '../support/relay.ts'
import { Person } from '../support/person.ts'
import { recordPeerConnections, removeSharedWorker } from '../support/page-scripts.ts'

export { expect } from '@playwright/test'
export { Person }

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
}

export interface PersonOptions extends BrowserContextOptions {
  /** Where they open the page. */
  relay?: Relay | Front
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

  stranger: async ({ browser, host, relay: shared }, use) => {
    const people: Person[] = []
    await use(async ({ relay = shared, ...options } = {}) => {
      const context = await browser.newContext(options)
      await context.addInitScript(recordPeerConnections)
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
