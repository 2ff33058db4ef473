import type { IdentitySecrets } from '../../crypto/api.ts'
import { live, type LiveOptions } from '../../db/live.ts'
import type { DeviceRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import { AlreadyCreatedError } from './errors.ts'

/** What I told about myself. */
export interface StoredProfile {
  name: string
  createdAtMs: number
}

/** Keeps my keys and my profile. */
export interface ProfileStore {
  secrets(): Promise<IdentitySecrets | null>
  profile(): Promise<StoredProfile | null>
  watch(options?: LiveOptions): AsyncIterable<StoredProfile | null>
  /** All or nothing. @throws AlreadyCreatedError, StorageFullError */
  create(secrets: IdentitySecrets, profile: StoredProfile, device: DeviceRow): Promise<void>
  rename(name: string): Promise<void>
}

export class DexieProfileStore implements ProfileStore {
  readonly #db: StarlingDatabase

  constructor(db: StarlingDatabase) {
    this.#db = db
  }

  async secrets(): Promise<IdentitySecrets | null> {
    return (await this.#db.identity.get('me')) ?? null
  }

  async profile(): Promise<StoredProfile | null> {
    return (await this.#db.profile.get('me')) ?? null
  }

  watch(options?: LiveOptions): AsyncIterable<StoredProfile | null> {
    return live(() => this.profile(), options)
  }

  create(secrets: IdentitySecrets, profile: StoredProfile, device: DeviceRow): Promise<void> {
    const tables = [this.#db.identity, this.#db.profile, this.#db.device]
    return orStorageFull(
      this.#db.transaction('rw', tables, async () => {
        if ((await this.#db.identity.get('me')) !== undefined) {
          throw new AlreadyCreatedError('there is an identity')
        }
        await this.#db.identity.add({ key: 'me', ...secrets })
        await this.#db.profile.add({ key: 'me', ...profile })
        await this.#db.device.put(device)
      }),
    )
  }

  async rename(name: string): Promise<void> {
    await orStorageFull(this.#db.profile.update('me', { name }))
  }
}
