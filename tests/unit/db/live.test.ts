import { expect, test } from 'vitest'
import { live, MAX_GATHERED_CHANGES } from '#lib/db/live.ts'
import { orStorageFull } from '#lib/db/storage-full.ts'
import { StorageFullError } from '#lib/protocol/errors.ts'
import { settled } from '../../fixtures/fake-network.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'

const named = (name: string) => ({ key: 'me' as const, name, createdAtMs: 0 })

test('a watch shows what is and then each change', async () => {
  const db = memoryDatabase()
  const names: (string | undefined)[] = []
  for await (const row of live(() => db.profile.get('me'))) {
    names.push(row?.name)
    if (names.length === 3) break
    await db.profile.put(named(`name ${names.length}`))
  }
  expect(names).toEqual([undefined, 'name 1', 'name 2'])
})

test('a slow reader gets the latest, not each', async () => {
  const db = memoryDatabase()
  const names: (string | undefined)[] = []
  for await (const row of live(() => db.profile.get('me'))) {
    names.push(row?.name)
    if (row?.name === 'last') break
    for (let index = 0; index < 5; index += 1) await db.profile.put(named(String(index)))
    await db.profile.put(named('last'))
    await settled(10)
  }
  expect(names).toEqual([undefined, 'last'])
})

test('a query that no write touches is asked again after many, so that their keys do not gather', async () => {
  const db = memoryDatabase()
  // Opening counts as a change of everything.
  await db.open()
  const dark = {
    key: 'me' as const,
    language: null,
    theme: 'dark' as const,
    readReceipts: true,
    notifications: 'off' as const,
  }
  let asked = 0
  const watch = live(() => {
    asked += 1
    return db.profile.get('me')
  })[Symbol.asyncIterator]()
  await watch.next()
  const writeElsewhere = async (times: number): Promise<void> => {
    for (let at = 0; at < times; at += 1) await db.settings.put(dark)
  }

  await writeElsewhere(MAX_GATHERED_CHANGES - 1)
  expect(asked).toBe(1)
  await writeElsewhere(1)
  await watch.next()
  expect(asked).toBe(2)
  await watch.return?.()
})

test('what changes beside the database is shown, too', async () => {
  let outside = 'before'
  let tell: (() => void) | null = null
  const seen: string[] = []
  const watch = live(() => Promise.resolve(outside), {
    changes: (again) => {
      tell = again
      return () => (tell = null)
    },
  })
  for await (const state of watch) {
    seen.push(state)
    if (state === 'after') break
    outside = 'after'
    tell!()
  }
  expect(seen).toEqual(['before', 'after'])
  expect(tell).toBeNull()
})

test('an abort ends a watch, also one that waits', async () => {
  const db = memoryDatabase()
  const abort = new AbortController()
  let states = 0
  for await (const row of live(() => db.profile.get('me'), { signal: abort.signal })) {
    expect(row).toBeUndefined()
    states += 1
    setImmediate(() => {
      abort.abort()
    })
  }
  const again = live(() => db.profile.get('me'), { signal: abort.signal })
  expect(await again[Symbol.asyncIterator]().next()).toMatchObject({ done: true })
  expect(states).toBe(1)
})

test('a failing query fails its reader', async () => {
  const watch = live(() => Promise.reject(new TypeError('broken')))
  await expect(watch[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError)
})

test('a full disk has an error of its own, however deep it lies', async () => {
  const full = new DOMException('full', 'QuotaExceededError')
  const wrapped = Object.assign(new Error('aborted'), { name: 'AbortError', inner: full })
  for (const error of [full, wrapped, new Error('x', { cause: full })]) {
    await expect(orStorageFull(Promise.reject(error))).rejects.toThrow(StorageFullError)
  }
  await expect(orStorageFull(Promise.reject(new TypeError('other')))).rejects.toThrow(TypeError)
  expect(await orStorageFull(Promise.resolve(7))).toBe(7)
})
