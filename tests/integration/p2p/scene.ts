import { afterEach } from 'vitest'
import type { Channel } from '../../../src/lib/p2p/api.ts'
import { Inbox, onState, type Person, person } from './person.ts'
import { TestRelay } from './test-relay.ts'

export const PROTOCOL = '/starling/test/1.0.0'

const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export function after(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup)
}

export async function aRelay(...flags: string[]): Promise<TestRelay> {
  const relay = await TestRelay.start(...flags)
  after(() => relay.remove())
  return relay
}

/** Somebody whose node runs. */
export async function somebody(init: Parameters<typeof person>[0]): Promise<Person> {
  const someone = await person(init)
  after(() => someone.node.stop())
  await someone.node.start()
  return someone
}

export interface Pair {
  ada: Person
  bob: Person
  adas: Inbox
  bobs: Inbox
}

/** Two people at one relay who want each other, and want a channel. */
export async function aPair(relay: TestRelay, init: { webrtc: boolean }): Promise<Pair> {
  const { host, origin } = relay
  const [ada, bob] = await Promise.all([
    somebody({ origin, ...init }),
    somebody({ origin, ...init }),
  ])
  const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
  const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  ada.node.peers.want(bob.peer, [host])
  bob.node.peers.want(ada.peer, [host])
  return { ada, bob, adas, bobs }
}

export async function say(channel: Channel, text: string): Promise<void> {
  await channel.send(new TextEncoder().encode(text))
}

export async function hear(channel: Channel): Promise<string> {
  for await (const frame of channel.frames()) return new TextDecoder().decode(frame)
  throw new Error('the channel ended')
}
