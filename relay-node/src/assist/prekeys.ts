import { createOpeningKeys, openAsRelay, type OpeningKeys } from '#lib/crypto/relay-seal.ts'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { relayPrekeys } from '#lib/protocol/relay-prekeys.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import { ASSIST_PREKEYS_LIFE_MS } from '../limits.ts'

interface KeySet {
  keys: OpeningKeys
  /** The public halves, signed. */
  published: Uint8Array<ArrayBuffer>
  expiresAtMs: number
}

export interface AssistPrekeysComponents {
  self: PeerIdString
  signer: Signer
  clock: Pick<Clock, 'now'>
  random: Pick<Random, 'bytes'>
}

/**
 * The relay's own prekeys, made when they are asked for first, and anew at half of their life. Those before are kept as long as they hold:
 * somebody may just have been given them. They are in memory alone, so what was sealed for a relay before its start stays closed.
 */
export class AssistPrekeys {
  readonly #components: AssistPrekeysComponents
  #current: KeySet | null = null
  #before: KeySet | null = null
  #making: Promise<KeySet> | null = null

  constructor(components: AssistPrekeysComponents) {
    this.#components = components
  }

  /** Signed, as `relayPrekeys` opens them. They hold for half of their life at least. */
  async published(): Promise<Uint8Array<ArrayBuffer>> {
    const leftMs = (this.#current?.expiresAtMs ?? 0) - this.#components.clock.now()
    if (this.#current !== null && leftMs > ASSIST_PREKEYS_LIFE_MS / 2) {
      return this.#current.published
    }
    this.#making ??= this.#make().finally(() => {
      this.#making = null
    })
    return (await this.#making).published
  }

  /** @throws LimitExceededError, InvalidDataError; CannotOpenError when it was sealed for no keys of now */
  open(sealed: Uint8Array): ReturnType<typeof openAsRelay> {
    const nowMs = this.#components.clock.now()
    for (const set of [this.#current, this.#before]) {
      if (set === null || set.expiresAtMs <= nowMs) continue
      try {
        return openAsRelay(set.keys, sealed)
      } catch (error) {
        if (!(error instanceof CannotOpenError)) throw error
      }
    }
    throw new CannotOpenError('sealed for no keys of now')
  }

  async #make(): Promise<KeySet> {
    const { self, signer, clock, random } = this.#components
    const { published, ...keys } = createOpeningKeys(random)
    const expiresAtMs = clock.now() + ASSIST_PREKEYS_LIFE_MS
    const sealed = await relayPrekeys.seal({ relay: self, ...published, expiresAtMs }, signer)
    this.#before = this.#current
    this.#current = { keys, published: sealed, expiresAtMs }
    return this.#current
  }
}
