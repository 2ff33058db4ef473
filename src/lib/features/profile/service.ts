import type { IdentitySecrets, NodeIdentity } from '../../crypto/api.ts'
import { createSecrets, openIdentity } from '../../crypto/identity.ts'
import { newDevice } from '../../db/device.ts'
import { cleanName, isValidName } from '../../protocol/names.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { Profile, ProfileApi } from './api.ts'
import { AlreadyCreatedError, InvalidNameError } from './errors.ts'
import type { ProfileStore } from './store.ts'

export interface ProfileComponents {
  store: ProfileStore
  clock: Clock
  random: Random
}

export interface ProfileInit {
  /** Called once in the life of a profile, when its identity is durable: starts what needs one. */
  onCreated(identity: NodeIdentity): Promise<void> | void
}

/**
 * Who I am here. An identity is durable before anybody hears of it, is made once, and is the same ever after.
 */
export class ProfileService implements ProfileApi {
  readonly #components: ProfileComponents
  readonly #init: ProfileInit
  #identity: Promise<NodeIdentity | null> | null = null
  /** One after the other: an identity is made once. */
  #becoming: Promise<unknown> = Promise.resolve()

  constructor(components: ProfileComponents, init: ProfileInit) {
    this.#components = components
    this.#init = init
  }

  /** The identity kept from before, or null until there is one. */
  identity(): Promise<NodeIdentity | null> {
    this.#identity ??= this.#restore()
    return this.#identity
  }

  /** What I am called; null while nobody is here. */
  async name(): Promise<string | null> {
    return (await this.#components.store.profile())?.name ?? null
  }

  async *watchProfile(options?: AbortOptions): AsyncIterable<Profile | null> {
    for await (const profile of this.#components.store.watch(options)) {
      // The row is there a moment before the identity is.
      const identity = profile === null ? null : await this.#becoming.then(() => this.identity())
      yield profile === null || identity === null
        ? null
        : { peer: identity.peer, name: profile.name, createdAtMs: profile.createdAtMs }
    }
  }

  async create(name: string, options?: AbortOptions): Promise<Profile> {
    const { store, clock, random } = this.#components
    const valid = validName(name)
    options?.signal?.throwIfAborted()
    const secrets = createSecrets(random)
    const createdAtMs = clock.now()
    const { peer } = await this.become(secrets, () =>
      store.create(secrets, { name: valid, createdAtMs }, newDevice({ clock, random })),
    )
    return { peer, name: valid, createdAtMs }
  }

  /**
   * From now on I am who these secrets are of.
   * @param write stores them and all that belongs to them; when it throws, nothing has changed
   * @throws AlreadyCreatedError, and what `write` throws
   */
  become(secrets: IdentitySecrets, write: () => Promise<void>): Promise<NodeIdentity> {
    const become = this.#becoming.then(() => this.#become(secrets, write))
    this.#becoming = become.catch(() => undefined)
    return become
  }

  async rename(name: string, options?: AbortOptions): Promise<void> {
    const valid = validName(name)
    options?.signal?.throwIfAborted()
    await this.#components.store.rename(valid)
  }

  async #become(secrets: IdentitySecrets, write: () => Promise<void>): Promise<NodeIdentity> {
    if ((await this.#components.store.secrets()) !== null) {
      throw new AlreadyCreatedError('there is an identity')
    }
    const identity = await openIdentity(secrets)
    await write()
    this.#identity = Promise.resolve(identity)
    await this.#init.onCreated(identity)
    return identity
  }

  async #restore(): Promise<NodeIdentity | null> {
    const secrets = await this.#components.store.secrets()
    return secrets === null ? null : openIdentity(secrets)
  }
}

function validName(text: string): string {
  const name = cleanName(text)
  if (!isValidName(name)) throw new InvalidNameError('empty or too long')
  return name
}
