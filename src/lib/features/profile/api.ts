import type { AbortOptions } from '../../rpc/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/** Who I am here. `null` until a name has been given on the first visit. */
export interface Profile {
  peer: PeerIdString
  name: string
  createdAtMs: number
}

export interface ProfileApi {
  watchProfile(options?: AbortOptions): AsyncIterable<Profile | null>
  /** Makes the identity, stores it and starts the node. @throws InvalidNameError, AlreadyCreatedError */
  create(name: string, options?: AbortOptions): Promise<Profile>
  /** @throws InvalidNameError */
  rename(name: string, options?: AbortOptions): Promise<void>
}
