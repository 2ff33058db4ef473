import { stretch } from '../../crypto/stretch.ts'
import { BackupService, type BackupComponents, type BackupInit } from './service.ts'
import { DexieSafekeepingStore } from './store.ts'

export type BackupSliceComponents = Omit<BackupComponents, 'store' | 'stretch'>

/**
 * Recovery phrase and backups: there from the first moment on, also before there is an identity. To be started before
 * the profile is asked for one.
 */
export function backup(
  init: BackupInit = {},
): (components: BackupSliceComponents) => BackupService {
  return (components) =>
    new BackupService(
      { ...components, store: new DexieSafekeepingStore(components.db), stretch },
      init,
    )
}
