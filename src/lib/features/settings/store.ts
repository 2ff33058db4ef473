import { live, type LiveOptions } from '../../db/live.ts'
import type { StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { Settings } from './api.ts'

/** What holds until something was chosen. */
export const DEFAULT_SETTINGS: Settings = {
  language: null,
  theme: 'system',
  readReceipts: true,
  notifications: 'off',
}

/** Remembers settings. */
export interface SettingsStore {
  watch(options?: LiveOptions): AsyncIterable<Settings>
  /** @throws StorageFullError */
  change(changes: Partial<Settings>): Promise<void>
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
    return orStorageFull(
      this.#db.transaction('rw', this.#db.settings, async () => {
        await this.#db.settings.put({ key: 'me', ...(await this.#settings()), ...changes })
      }),
    )
  }

  async #settings(): Promise<Settings> {
    const row = await this.#db.settings.get('me')
    if (row === undefined) return DEFAULT_SETTINGS
    const { language, theme, readReceipts, notifications } = row
    return { language, theme, readReceipts, notifications }
  }
}
