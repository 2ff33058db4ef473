import { live, type LiveOptions } from '../../db/live.ts'
import type { StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { FileChoices, Settings } from './api.ts'

/** What holds until something was chosen. */
export const DEFAULT_SETTINGS: Settings = {
  language: null,
  theme: 'system',
  readReceipts: true,
  notifications: 'off',
  files: {
    downBytesPerSecond: null,
    upBytesPerSecond: null,
    spareBytes: 5e9,
  },
  autoGet: { when: 'always', upToBytes: 10_000_000 },
  copiesForAway: null,
  passOn: true,
  relayOnly: false,
}

/** Remembers settings. */
export interface SettingsStore {
  watch(options?: LiveOptions): AsyncIterable<Settings>
  /** @throws StorageFullError */
  change(changes: Partial<Settings>): Promise<void>
  /** @throws StorageFullError */
  changeFiles(changes: Partial<FileChoices>): Promise<void>
}

export class DexieSettingsStore implements SettingsStore {
  readonly #db: StarlingDatabase

  constructor(db: StarlingDatabase) {
    this.#db = db
  }

  watch(options?: LiveOptions): AsyncIterable<Settings> {
    return live(() => this.#settings(), options)
  }

  change(changes: Partial<Settings>): Promise<void> {
    return this.#update(() => changes)
  }

  changeFiles(changes: Partial<FileChoices>): Promise<void> {
    return this.#update(({ files }) => ({ files: { ...files, ...changes } }))
  }

  #update(changes: (settings: Settings) => Partial<Settings>): Promise<void> {
    return orStorageFull(
      this.#db.transaction('rw', this.#db.settings, async () => {
        const settings = await this.#settings()
        const { copiesForAway, ...rest } = { ...settings, ...changes(settings) }
        await this.#db.settings.put({
          key: 'me',
          ...rest,
          ...(copiesForAway !== null && { copiesAgreed: copiesForAway }),
        })
      }),
    )
  }

  async #settings(): Promise<Settings> {
    const row = await this.#db.settings.get('me')
    if (row === undefined) return DEFAULT_SETTINGS
    const { language, theme, readReceipts, notifications, files, autoGet } = row
    return {
      ...{ language, theme, readReceipts, notifications },
      files: { ...DEFAULT_SETTINGS.files, ...files },
      autoGet: autoGet ?? DEFAULT_SETTINGS.autoGet,
      copiesForAway: row.copiesAgreed ?? (row.copiesForAway === false ? false : null),
      passOn: row.passOn ?? DEFAULT_SETTINGS.passOn,
      relayOnly: row.relayOnly ?? DEFAULT_SETTINGS.relayOnly,
    }
  }
}
