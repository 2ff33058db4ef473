import type { StarlingDatabase } from '../../db/schema.ts'
import type { Loggers } from '../../protocol/seams.ts'
import { TransfersService, type TransfersComponents } from './service.ts'
import { DexieSourceStore, DexieTotalsStore, DexieTransferStore } from './store.ts'

export interface TransfersSliceComponents extends Omit<
  TransfersComponents,
  'store' | 'sources' | 'totals' | 'log'
> {
  db: StarlingDatabase
  loggers: Loggers
}

/** Files that are shared by a link and got by one. */
export function transfers(): (components: TransfersSliceComponents) => TransfersService {
  return ({ db, loggers, ...rest }) =>
    new TransfersService({
      ...rest,
      store: new DexieTransferStore(db),
      sources: new DexieSourceStore(db),
      totals: new DexieTotalsStore(db),
      log: loggers('transfers'),
    })
}
