import * as v from 'valibot'
import type { MessagingIdentity } from '../crypto/api.ts'
import { CannotOpenError } from '../crypto/errors.ts'
import {
  MAX_BUNDLE_BYTES,
  openBundle,
  openOneTimePrekey,
  sealBundle,
} from '../crypto/prekey-bundle.ts'
import { give, refresh, secretsOf } from '../crypto/prekeys.ts'
import {
  accept,
  begin,
  canSealTo,
  open,
  prekeysFor,
  readOffer,
  seal,
  type Sessions,
} from '../crypto/sessions.ts'
import { sessionsCodec } from '../crypto/sessions-codec.ts'
import { codec } from '../protocol/codec.ts'
import { peerIdOf, publicKeyOf, type PeerIdString } from '../protocol/ids.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import type { Clock, Random } from '../protocol/seams.ts'
import { MAX_KEYS_BYTES } from './frames.ts'
import type { PrekeyStore } from './prekey-store.ts'
import type { KeyStep, Sealer } from './seams.ts'

export interface RatchetSealerComponents {
  identity: MessagingIdentity
  sessions: { sessions(peer: PeerIdString): Promise<Uint8Array | null> }
  prekeys: PrekeyStore
  /** SHA-256 of the ML-DSA key on this peer's card; null when no card was seen. */
  keyCommitmentOf(peer: PeerIdString): Promise<Uint8Array | null> | Uint8Array | null
  clock: Clock
  random: Random
}

/** What one person gives another: bundle and one-time prekey. */
const keysCodec = codec(
  v.strictTuple([bytesSchema(MAX_BUNDLE_BYTES), bytesSchema(MAX_KEYS_BYTES)]),
  MAX_KEYS_BYTES,
)

/** Seals with PQXDH and the Double Ratchet (docs/CRYPTO.md). */
export class RatchetSealer implements Sealer {
  readonly #components: RatchetSealerComponents

  constructor(components: RatchetSealerComponents) {
    this.#components = components
  }

  async seal(
    peer: PeerIdString,
    envelope: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null> {
    const before = await this.#sessions(peer)
    if (!canSealTo(before)) return null
    const { sessions, sealed } = seal(before, envelope, this.#components.random)
    return { sealed, step: stepOf(sessions) }
  }

  async open(
    peer: PeerIdString,
    sealed: Uint8Array,
  ): Promise<{ envelope: Uint8Array; step: KeyStep }> {
    const { identity, prekeys, random } = this.#components
    const before = await this.#sessions(peer)
    const opened = open(before, sealed, random)
    if (opened !== null) return { envelope: opened.plaintext, step: stepOf(opened.sessions) }
    const ids = prekeysFor(sealed)
    const secrets = ids && secretsOf(await prekeys.prekeys(), ids)
    if (secrets === null) throw new CannotOpenError('for prekeys that are not here')
    const offer = readOffer(identity, secrets, sealed)
    if (peerIdOf(offer.first) !== peer) throw new CannotOpenError('begun by somebody else')
    const { sessions, plaintext } = accept(before, offer, random)
    return { envelope: plaintext, step: stepOf(sessions, ids?.oneTime) }
  }

  async give(): Promise<Uint8Array> {
    const { identity, prekeys, clock, random } = this.#components
    const owner = { peer: identity.peer, mlDsaKey: identity.mlDsaKey() }
    const nowMs = clock.now()
    const { bundle, oneTime } = await prekeys.change((before) =>
      give(refresh(before, nowMs, random), owner, 1, nowMs, random),
    )
    return keysCodec.encode([await sealBundle(bundle, identity), oneTime[0]!])
  }

  async begin(peer: PeerIdString, given: Uint8Array): Promise<KeyStep> {
    const { identity, clock, random } = this.#components
    const commitment = await this.#components.keyCommitmentOf(peer)
    if (commitment === null) throw new CannotOpenError('whose card is not known')
    const [bundleBytes, oneTimeBytes] = keysCodec.decode(given)
    const bundle = await openBundle(bundleBytes, peer, commitment, clock.now())
    const oneTime = openOneTimePrekey(oneTimeBytes, bundle)
    const theirs = {
      identity: publicKeyOf(peer),
      signedPrekey: bundle.signedPrekey,
      kemPrekey: oneTime.kemPrekey,
      oneTimePrekey: oneTime.prekey,
    }
    const ids = { prekeys: bundle.id, oneTime: oneTime.id }
    return stepOf(begin(await this.#sessions(peer), identity, theirs, ids, random))
  }

  async #sessions(peer: PeerIdString): Promise<Sessions> {
    const bytes = await this.#components.sessions.sessions(peer)
    return bytes === null ? [] : sessionsCodec.decode(bytes)
  }
}

function stepOf(sessions: Sessions, spent: number | null = null): KeyStep {
  return { sessions: sessionsCodec.encode(sessions), spent }
}
