import type { StarlingDatabase } from '../../db/schema.ts'
import type { Loggers } from '../../protocol/seams.ts'
import { SettingsService, type SettingsComponents } from './service.ts'
import { DexieSettingsStore } from './store.ts'

export interface SettingsSliceComponents extends Omit<SettingsComponents, 'store' | 'logger'> {
  db: StarlingDatabase
  loggers: Loggers
}

/** Settings: there from the first moment on, also before there is an identity. */
export function settings(): (components: SettingsSliceComponents) => SettingsService {
  return ({ db, loggers, ...rest }) =>
    new SettingsService({ ...rest, store: new DexieSettingsStore(db), logger: loggers('settings') })
}
