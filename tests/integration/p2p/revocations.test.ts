import { expect, test } from 'vitest'
import { manifestHashOf, sha256 } from '#lib/content/content-id.ts'
import { Holding } from '#lib/content/holding.ts'
import { Announcer } from '#lib/content/providers/announcer.ts'
import { Revocations, type Held } from '#lib/content/providers/revocations.ts'
import { PROVIDERS } from '#lib/protocol/providers.ts'
import { revocationKeyOf, revocationSubjectOf } from '#lib/protocol/revocation.ts'
import { systemClock } from '#lib/protocol/seams.ts'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { newShelf } from '../../fixtures/memory-part-store.ts'
import { after, aRelay } from './scene.ts'
import { Sharer } from './sharer.ts'

test('who has it hears at a relay that it was taken back by who is gone since; the copy there is given no more', async () => {
  const relay = await aRelay('--max-copies-mib', '64')
  const [ada, bob] = [await Sharer.at(relay), await Sharer.at(relay)]
  const shared = await ada.make(1_000_000)
  const { content } = shared
  await ada.kept(relay, shared)

  const { identity, node, peer } = ada.person
  const announcer = new Announcer(
    { network: node.network, peers: node.peers, identity, clock: systemClock, log: silentLogger },
    { given: () => [], revoked: () => [{ content, untilMs: null }] },
  )
  after(() => {
    announcer.stop()
  })
  announcer.start()
  const subject = revocationSubjectOf(manifestHashOf(content))
  const find = { type: 'find', key: revocationKeyOf({ subject, peer }), scope: 'relay' } as const
  const { network, peers } = bob.person.node
  await expect
    .poll(() => network.askRelay(relay.host, PROVIDERS, find))
    .toMatchObject({ records: [expect.any(Uint8Array)] })
  announcer.stop()
  await node.stop()

  const heard = Promise.withResolvers<Held>()
  const held: Held = { content, sharer: peer, relays: [] }
  const revocations = new Revocations(
    { network, peers, clock: systemClock, log: silentLogger },
    { held: () => [held], revoked: heard.resolve },
  )
  after(() => {
    revocations.stop()
  })
  revocations.start()
  expect(await heard.promise).toEqual(held)

  const holding = await Holding.open(content, newShelf(), { store: bob.store, sha256 })
  const download = bob.exchange.get(holding)
  const refused = new Promise<string>((resolve) => {
    download.addEventListener('refused', ({ detail: { reason } }) => {
      resolve(reason)
    })
  })
  const [provider] = await bob.find(relay, content)
  peers.want(provider!.peer, provider!.relays, 'directly', 'transfer')
  bob.exchange.from(content, provider!.peer)
  expect(await refused).toBe('revoked')
})
