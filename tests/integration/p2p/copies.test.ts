import { expect, test } from 'vitest'
import { manifestHashOf } from '#lib/content/content-id.ts'
import { COPIES, type CopiesResponse } from '#lib/protocol/copies.ts'
import { aRelay } from './scene.ts'
import { Sharer } from './sharer.ts'

const MIB = 1024 * 1024

test('a copy at a relay is got when who shared it is gone, also after the relay was started again', async () => {
  const relay = await aRelay('--max-copies-mib', '64')
  const ada = await Sharer.at(relay)
  const shared = await ada.make(3 * MIB)
  expect(await ada.keep(relay, shared)).toMatchObject({ type: 'keeping', complete: false })
  await ada.kept(relay, shared)
  await ada.person.node.stop()
  await relay.down()
  await relay.up()
  const bob = await Sharer.at(relay)
  const got = await bob.get(relay, shared.content)
  expect(got.manifest).toEqual(shared.manifest)
  expect(got.complete).toBe(true)
  await expect.poll(() => bob.keep(relay, shared)).toMatchObject({ complete: true, taken: 1 })
})

test('what is taken back is given no more', async () => {
  const relay = await aRelay('--max-copies-mib', '64')
  const [ada, bob] = [await Sharer.at(relay), await Sharer.at(relay)]
  const shared = await ada.make(MIB)
  await ada.kept(relay, shared)
  expect(await bob.find(relay, shared.content)).toHaveLength(1)
  const content = manifestHashOf(shared.content)
  const release = { type: 'release', content } as const
  await bob.person.node.network.askRelay(relay.host, COPIES, release)
  expect(await bob.find(relay, shared.content)).toHaveLength(1)
  await ada.person.node.network.askRelay(relay.host, COPIES, release)
  expect(await bob.find(relay, shared.content)).toEqual([])
})

test('nobody has more kept than an eighth of the room, and all no more than there is', async () => {
  const relay = await aRelay('--max-copies-mib', '16')
  const ada = await Sharer.at(relay)
  const refused = (reason: string): CopiesResponse =>
    ({ type: 'refused', reason }) as CopiesResponse
  expect(await ada.keep(relay, await ada.make(2 * MIB + 1))).toEqual(refused('too-much'))
  const fits = await ada.make(MIB)
  await ada.kept(relay, fits)
  expect(await ada.keep(relay, await ada.make(MIB))).toEqual(refused('too-much'))
})

test.each([
  ['is not sealed', { sealed: false }, (bytes: number) => bytes],
  ['is more than it was said to be', { sealed: true }, (bytes: number) => bytes - 1],
])('what %s is not kept', async (_what, how, said) => {
  const relay = await aRelay('--max-copies-mib', '64')
  const ada = await Sharer.at(relay)
  const shared = await ada.make(MIB, how)
  const bytes = said(shared.manifest!.bytes)
  await expect
    .poll(() => ada.keep(relay, shared, bytes))
    .toEqual({ type: 'refused', reason: 'not-sealed' })
  expect(await ada.find(relay, shared.content)).toEqual([])
})

test('a relay that gives no room keeps nothing', async () => {
  const relay = await aRelay()
  const ada = await Sharer.at(relay)
  const shared = await ada.make(1_000)
  await expect(ada.keep(relay, shared)).rejects.toThrow(
    expect.objectContaining({ name: 'UnsupportedProtocolError' }),
  )
})
