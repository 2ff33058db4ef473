import type { NodeIdentity } from '../../crypto/api.ts'
import { createSecrets, openIdentity } from '../../crypto/identity.ts'
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

  constructor(components: ProfileComponents, init: ProfileInit) {
    this.#components = components
    this.#init = init
  }

  /** The identity kept from before, or null until there is one. */
  identity(): Promise<NodeIdentity | null> {
    this.#identity ??= this.#restore()
    return this.#identity
  }

  async *watchProfile(options?: AbortOptions): AsyncIterable<Profile | null> {
    for await (const profile of this.#components.store.watch(options)) {
      const identity = profile === null ? null : await this.identity()
      yield profile === null || identity === null
        ? null
        : { peer: identity.peer, name: profile.name, createdAtMs: profile.createdAtMs }
    }
  }

  async create(name: string, options?: AbortOptions): Promise<Profile> {
    const { store, clock, random } = this.#components
    const valid = validName(name)
    if ((await store.secrets()) !== null) throw new AlreadyCreatedError('there is an identity')
    options?.signal?.throwIfAborted()
    const secrets = createSecrets(random)
    const identity = await openIdentity(secrets)
    const createdAtMs = clock.now()
    // Set before the row is: whoever watches asks for it as soon as the row is there.
    const before = this.#identity
    this.#identity = Promise.resolve(identity)
    try {
      await store.create(secrets, { name: valid, createdAtMs })
    } catch (error) {
      this.#identity = error instanceof AlreadyCreatedError ? null : before
      throw error
    }
    await this.#init.onCreated(identity)
    return { peer: identity.peer, name: valid, createdAtMs }
  }

  async rename(name: string, options?: AbortOptions): Promise<void> {
    const valid = validName(name)
    options?.signal?.throwIfAborted()
    await this.#components.store.rename(valid)
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
