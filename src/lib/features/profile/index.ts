import type { StarlingDatabase } from '../../db/schema.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import { ProfileService, type ProfileInit } from './service.ts'
import { DexieProfileStore } from './store.ts'

export type { ProfileInit } from './service.ts'

export interface ProfileSliceComponents {
  db: StarlingDatabase
  clock: Clock
  random: Random
}

/**
 * My profile and identity. It has no life of its own to start or stop. At the host's start `identity()` gives
 * the kept identity or null; when null, `onCreated` is called once there is one.
 */
export function profile(init: ProfileInit): (components: ProfileSliceComponents) => ProfileService {
  return ({ db, clock, random }) =>
    new ProfileService({ store: new DexieProfileStore(db), clock, random }, init)
}
