import { Dexie } from 'dexie'
import { beforeEach, expect, test } from 'vitest'
import type { Stretch } from '#lib/crypto/stretch.ts'
import {
  NoPassphraseError,
  PassphraseLengthError,
  WrongPassphraseError,
} from '#lib/features/vault/errors.ts'
import { VaultService } from '#lib/features/vault/service.ts'
import {
  DexieKeyringStore,
  KEYRING_PREFIX,
  type Keyring,
  type KeyringStore,
} from '#lib/features/vault/store.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import '../../../fixtures/memory-database.ts'
import { until } from '../../../fixtures/until.ts'

const PASSPHRASE = 'seven birds on a wire'

/** Argon2id is tested where it is; here each passphrase and salt has a key, at once. */
const stretch: Stretch = async (passphrase, { salt }) => {
  const input = new TextEncoder().encode(`${passphrase} ${salt.join()}`)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', input))
}

const keyringNames = async (): Promise<string[]> =>
  (await Dexie.getDatabaseNames()).filter((name) => name.startsWith(KEYRING_PREFIX))

beforeEach(async () => {
  for (const name of await keyringNames()) await Dexie.delete(name)
})

/** A host that begins: what it finds is what those before it left. */
async function begin(store: KeyringStore = new DexieKeyringStore()) {
  const clock = new ManualClock()
  const events: string[] = []
  const vault = new VaultService({
    store,
    stretch,
    clock,
    random: systemRandom,
    host: {
      stop: async () => {
        events.push(`stopped with ${(await keyringNames()).length} keyring`)
      },
      eraseDatabases: async () => {
        events.push(`erased with ${(await keyringNames()).length} keyring`)
      },
      lock: () => void events.push('locked'),
      erased: () => void events.push('gone'),
    },
  })
  await vault.start()
  return { vault, clock, events, status: () => until(vault.watchVault()) }
}

/** The key as it is now: it is overwritten when the host ends. */
const keyOf = async (vault: VaultService) => Uint8Array.from(await vault.opened)

test('where no database takes a key of Web Crypto, bytes are kept in its place', async () => {
  class BytesOnly extends DexieKeyringStore {
    override save(keyring: Keyring): Promise<void> {
      if (keyring.seal.type === 'device' && keyring.seal.deviceKey instanceof CryptoKey) {
        return Promise.reject(new DOMException('cannot be cloned', 'DataCloneError'))
      }
      return super.save(keyring)
    }
  }
  const first = await begin(new BytesOnly())
  const key = await keyOf(first.vault)
  first.vault.stop()
  expect(await keyOf((await begin(new BytesOnly())).vault)).toEqual(key)
})

test('it opens by itself, with the same key at every start', async () => {
  const first = await begin()
  const key = await keyOf(first.vault)
  expect(key.byteLength).toBe(32)
  first.vault.stop()
  const second = await begin()
  expect(await second.status()).toEqual({
    state: 'open',
    passphrase: false,
    lockAfterMinutes: null,
  })
  expect(await keyOf(second.vault)).toEqual(key)
})

test('with a passphrase it stays locked until that is given', async () => {
  const { vault } = await begin()
  const key = await keyOf(vault)
  await vault.setPassphrase(PASSPHRASE, '')

  const next = await begin()
  expect(await next.status()).toEqual({ state: 'locked' })
  await expect(next.vault.unlock('seven birds on a wir')).rejects.toThrow(WrongPassphraseError)
  expect(await next.status()).toEqual({ state: 'locked' })
  await next.vault.unlock(PASSPHRASE)
  expect(await next.status()).toEqual({ state: 'open', passphrase: true, lockAfterMinutes: 15 })
  expect(await keyOf(next.vault)).toEqual(key)
})

test('with the first passphrase it locks after 15 minutes; another one changes no choice', async () => {
  const { vault, clock, events, status } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  clock.advance(15 * 60_000 - 1)
  expect(events).toEqual([])
  clock.advance(1)
  expect(events).toEqual(['locked'])
  await vault.setLockAfter(null)
  await vault.setPassphrase('another one', PASSPHRASE)
  expect(await status()).toEqual({ state: 'open', passphrase: true, lockAfterMinutes: null })
})

test('setting one leaves no key that opens without it, and one keyring', async () => {
  const { vault } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  const keyring = await new DexieKeyringStore().load()
  expect(keyring?.seal.type).toBe('passphrase')
  expect(JSON.stringify(keyring)).not.toContain('deviceKey')
  expect(await keyringNames()).toHaveLength(1)
})

test('changing it needs the one there is, and keeps the key', async () => {
  const { vault } = await begin()
  const key = await keyOf(vault)
  await vault.setPassphrase(PASSPHRASE, '')
  await expect(vault.setPassphrase('another one', 'a wrong one')).rejects.toThrow(
    WrongPassphraseError,
  )
  await vault.setPassphrase('another one', PASSPHRASE)

  const next = await begin()
  await expect(next.vault.unlock(PASSPHRASE)).rejects.toThrow(WrongPassphraseError)
  await next.vault.unlock('another one')
  expect(await keyOf(next.vault)).toEqual(key)
})

test('removing it needs it, and opens by itself again', async () => {
  const { vault } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  await vault.setLockAfter(5)
  await expect(vault.removePassphrase('a wrong one')).rejects.toThrow(WrongPassphraseError)
  await vault.removePassphrase(PASSPHRASE)
  const next = await begin()
  expect(await next.status()).toEqual({ state: 'open', passphrase: false, lockAfterMinutes: null })
})

test('a passphrase is as long as it has to be, whatever letters it has', async () => {
  const { vault } = await begin()
  await expect(vault.setPassphrase('seventh', '')).rejects.toThrow(PassphraseLengthError)
  await expect(vault.setPassphrase('🐦🐦🐦🐦🐦🐦🐦', '')).rejects.toThrow(PassphraseLengthError)
  await expect(vault.setPassphrase('a'.repeat(1_025), '')).rejects.toThrow('Invalid')
  await vault.setPassphrase('a'.repeat(1_024), '')
})

test('nothing is locked that nothing would unlock', async () => {
  const { vault, events } = await begin()
  await expect(vault.lock()).rejects.toThrow(NoPassphraseError)
  await expect(vault.setLockAfter(5)).rejects.toThrow(NoPassphraseError)
  expect(events).toEqual([])
})

test('locking ends the host once, and overwrites the key', async () => {
  const { vault, events } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  await vault.lock()
  await vault.lock()
  expect(events).toEqual(['locked'])
  const key = await vault.opened
  vault.stop()
  expect(key).toEqual(new Uint8Array(32))
})

test('it locks after the time without use, and not before', async () => {
  const { vault, clock, events } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  await vault.setLockAfter(5)
  clock.advance(4 * 60_000)
  await vault.used()
  clock.advance(5 * 60_000 - 1)
  expect(events).toEqual([])
  clock.advance(1)
  expect(events).toEqual(['locked'])
})

test('a device that slept through the time locks when it is used again', async () => {
  const { vault, clock, events } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  await vault.setLockAfter(1)
  // Asleep, no timer fires.
  clock.sleep(60_000)
  await vault.used()
  expect(events).toEqual(['locked'])
})

test('the time to the lock is kept, and counts from unlocking on', async () => {
  const { vault } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  await vault.setLockAfter(1)
  const { vault: next, clock, events, status } = await begin()
  clock.advance(10 * 60_000)
  expect(events).toEqual([])
  await next.unlock(PASSPHRASE)
  expect(await status()).toEqual({ state: 'open', passphrase: true, lockAfterMinutes: 1 })
  clock.advance(60_000)
  expect(events).toEqual(['locked'])
})

test('whoever looks sees it open', async () => {
  const { vault } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  const next = await begin()
  const seen: string[] = []
  for await (const { state } of next.vault.watchVault()) {
    seen.push(state)
    if (state === 'open') break
    await next.vault.unlock(PASSPHRASE)
  }
  expect(seen).toEqual(['locked', 'open'])
})

test('what pages leave is sealed with a key of its own, the same at every start', async () => {
  const { vault } = await begin()
  const key = await until(vault.watchPartingKey())
  expect(key).not.toEqual(await keyOf(vault))
  const next = await begin()
  expect(await until(next.vault.watchPartingKey())).toEqual(key)
})

test('erasing stops, deletes, and drops the keyring last', async () => {
  const { vault, events } = await begin()
  const key = await keyOf(vault)
  await vault.erase()
  expect(events).toEqual(['stopped with 1 keyring', 'erased with 1 keyring', 'gone'])
  expect(await keyringNames()).toEqual([])
  expect(await keyOf((await begin()).vault)).not.toEqual(key)
})

test('erasing needs no passphrase', async () => {
  const { vault } = await begin()
  await vault.setPassphrase(PASSPHRASE, '')
  const locked = await begin()
  await locked.vault.erase()
  expect(await keyringNames()).toEqual([])
})
