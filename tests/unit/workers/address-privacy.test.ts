import { expect, test } from 'vitest'
import { DexieSettingsStore } from '#lib/features/settings/store.ts'
import { AddressPrivacy } from '#workers/address-privacy.ts'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'

function scene(store = new DexieSettingsStore(memoryDatabase())) {
  const said: boolean[] = []
  const changes: (() => void)[] = []
  const privacy = new AddressPrivacy({
    settings: { watchSettings: (options) => store.watch(options) },
    node: {
      hideAddress(hidden) {
        said.push(hidden)
        for (const changed of changes.splice(0)) changed()
      },
    },
    log: silentLogger,
  })
  const next = (): Promise<void> => new Promise((resolve) => changes.push(resolve))
  return { store, privacy, said, next }
}

test('what was chosen holds before anything after it starts', async () => {
  const { store, privacy, said } = scene()
  await store.change({ relayOnly: true })
  await privacy.start()
  expect(said).toEqual([true])
  await privacy.stop()
})

test('another choice holds at once', async () => {
  const { store, privacy, said, next } = scene()
  await privacy.start()
  const changed = next()
  await store.change({ relayOnly: true })
  await changed
  expect(said).toEqual([false, true])
  await privacy.stop()
})

test('where nobody can tell what was chosen, the address is hidden', async () => {
  const said: boolean[] = []
  const privacy = new AddressPrivacy({
    settings: {
      // eslint-disable-next-line require-yield -- it fails first
      async *watchSettings() {
        await Promise.resolve()
        throw new Error('no settings')
      },
    },
    node: { hideAddress: (hidden) => void said.push(hidden) },
    log: silentLogger,
  })
  await privacy.start()
  expect(said).toEqual([true])
})
