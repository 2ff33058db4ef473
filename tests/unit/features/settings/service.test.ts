import { expect, test } from 'vitest'
import { UnknownChoiceError } from '#lib/features/settings/errors.ts'
import { settings } from '#lib/features/settings/index.ts'
import { MIN_BYTES_PER_SECOND } from '#lib/features/settings/service.ts'
import { DEFAULT_SETTINGS } from '#lib/features/settings/store.ts'
import type { Language, NotificationDetail, Theme } from '#lib/features/settings/api.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { until } from '../../../fixtures/until.ts'

function open(
  estimate: () => Promise<{ usage?: number; quota?: number }> = () => Promise.resolve({}),
) {
  const db = memoryDatabase()
  const service = settings()({
    db,
    storage: { estimate },
    loggers: () => silentLogger,
  })
  return { db, service }
}

test("until something is chosen, the browser's own holds", async () => {
  expect(await until(open().service.watchSettings())).toEqual(DEFAULT_SETTINGS)
})

test('choices are kept and do not touch each other', async () => {
  const { service } = open()
  await service.setLanguage('ru')
  await service.setTheme('dark')
  await service.setReadReceipts(false)
  await service.setNotifications('name')
  const autoGet = { when: 'unmetered', upToBytes: 1_000_000 } as const
  await service.setAutoGet(autoGet)
  expect(await until(service.watchSettings())).toMatchObject({ copiesForAway: null })
  await service.setCopiesForAway(false)
  await service.setPassOn(false)
  await service.setRelayOnly(true)
  const chosen = {
    theme: 'dark',
    readReceipts: false,
    notifications: 'name',
    autoGet,
    copiesForAway: false,
    passOn: false,
    relayOnly: true,
  }
  expect(await until(service.watchSettings())).toMatchObject({ language: 'ru', ...chosen })
  await service.setLanguage(null)
  expect(await until(service.watchSettings())).toMatchObject({ language: null, ...chosen })
})

test('who was never asked has agreed to no copies, whatever an earlier version wrote', async () => {
  const { db, service } = open()
  await db.settings.put({ key: 'me', ...DEFAULT_SETTINGS, copiesForAway: true })
  expect(await until(service.watchSettings())).toMatchObject({ copiesForAway: null })
  await service.setTheme('dark')
  expect(await until(service.watchSettings())).toMatchObject({ copiesForAway: null })
  await service.setCopiesForAway(true)
  expect(await until(service.watchSettings())).toMatchObject({ copiesForAway: true })
})

test('who turned copies off in an earlier version is not asked again', async () => {
  const { db, service } = open()
  await db.settings.put({ key: 'me', ...DEFAULT_SETTINGS, copiesForAway: false })
  expect(await until(service.watchSettings())).toMatchObject({ copiesForAway: false })
  await service.setTheme('dark')
  expect(await until(service.watchSettings())).toMatchObject({ copiesForAway: false })
})

test('limits of files are chosen one by one', async () => {
  const { service } = open()
  await service.setFiles({ downBytesPerSecond: 1_000_000 })
  await service.setFiles({ upBytesPerSecond: 2_000_000 })
  await service.setFiles({ downBytesPerSecond: null })
  expect((await until(service.watchSettings())).files).toEqual({
    ...DEFAULT_SETTINGS.files,
    upBytesPerSecond: 2_000_000,
  })
})

test('what there is not cannot be chosen', async () => {
  const { service } = open()
  await expect(service.setLanguage('tlh' as Language)).rejects.toThrow(UnknownChoiceError)
  await expect(service.setTheme('pink' as Theme)).rejects.toThrow(UnknownChoiceError)
  await expect(service.setReadReceipts('often' as never)).rejects.toThrow(UnknownChoiceError)
  await expect(service.setCopiesForAway('often' as never)).rejects.toThrow(UnknownChoiceError)
  const loud = service.setNotifications('loud' as NotificationDetail)
  await expect(loud).rejects.toThrow(UnknownChoiceError)
  for (const bytes of [0, MIN_BYTES_PER_SECOND - 1, 1e6 + 0.5, Infinity, '9' as never]) {
    const files = service.setFiles({ downBytesPerSecond: bytes })
    await expect(files).rejects.toThrow(UnknownChoiceError)
  }
  await expect(service.setFiles({ spareBytes: -1 })).rejects.toThrow(UnknownChoiceError)
  const all = service.setAutoGet({ when: 'always', upToBytes: Infinity })
  await expect(all).rejects.toThrow(UnknownChoiceError)
})

test('storage is told as far as the browser does', async () => {
  const full = open(() => Promise.resolve({ usage: 5, quota: 10 }))
  expect(await full.service.storage()).toEqual({ usedBytes: 5, quotaBytes: 10 })
  expect(await open().service.storage()).toEqual({ usedBytes: null, quotaBytes: null })
  const none = open(() => Promise.reject(new TypeError('not here')))
  expect(await none.service.storage()).toEqual({ usedBytes: null, quotaBytes: null })
})
