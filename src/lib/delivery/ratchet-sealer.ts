import type { MessagingIdentity } from '../crypto/api.ts'
import { CannotOpenError } from '../crypto/errors.ts'
import { openBundle, openOneTimePrekey, sealBundle } from '../crypto/prekey-bundle.ts'
import { give, refresh, secretsOf } from '../crypto/prekeys.ts'
import {
  accept,
  begin,
  beginsSession,
  begunAt,
  canSealTo,
  hasBegun,
  open,
  prekeysFor,
  readOffer,
  seal,
  type Offer,
  type Sessions,
} from '../crypto/sessions.ts'
import { sessionsCodec } from '../crypto/sessions-codec.ts'
import { peerIdOf, publicKeyOf, type PeerIdString } from '../protocol/ids.ts'
import type { Clock, Random } from '../protocol/seams.ts'
import { keysCodec } from './keys.ts'
import type { PrekeyStore } from './prekey-store.ts'
import { RECEIPT_LIFE_MS } from './receipts.ts'
import { markOf, type KeyStep, type Sealer } from './seams.ts'

/**
 * Keys taken from relays begin sessions for so long, ms: what is put once more, because relays keep it no longer, is sealed
 * for keys of then. Theirs may be forgotten 60 days after I took them, or 30 if those had lain there for long (crypto/prekeys.ts).
 */
const TAKEN_LIFE_MS = RECEIPT_LIFE_MS

export interface RatchetSealerComponents {
  identity: MessagingIdentity
  sessions: { sessions(peer: PeerIdString): Promise<Uint8Array | null> }
  prekeys: PrekeyStore
  /** SHA-256 of the ML-DSA key on this peer's card; null when no card was seen. */
  keyCommitmentOf(peer: PeerIdString): Promise<Uint8Array | null> | Uint8Array | null
  clock: Clock
  random: Random
}

/** Seals with PQXDH and the Double Ratchet (docs/CRYPTO.md). */
export class RatchetSealer implements Sealer {
  readonly #components: RatchetSealerComponents

  constructor(components: RatchetSealerComponents) {
    this.#components = components
  }

  async seal(
    peer: PeerIdString,
    content: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null> {
    const before = await this.#sessions(peer)
    if (!canSealTo(before)) return null
    const { sessions, sealed } = seal(before, content, this.#components.random)
    return { sealed, step: stepOf(sessions) }
  }

  async open(
    peer: PeerIdString,
    sealed: Uint8Array,
  ): Promise<{ content: Uint8Array; step: KeyStep }> {
    const { random } = this.#components
    const mark = markOf(sealed)
    const before = await this.#sessions(peer)
    const opened = open(before, sealed, random)
    if (opened !== null) {
      return { content: opened.plaintext, step: stepOf(opened.sessions, null, mark) }
    }
    const { offer, oneTime } = await this.#offer(sealed)
    if (peerIdOf(offer.first) !== peer) throw new CannotOpenError('begun by somebody else')
    const { sessions, plaintext } = accept(before, offer, random)
    return { content: plaintext, step: stepOf(sessions, oneTime, mark) }
  }

  async whose(sealed: Uint8Array, known: readonly PeerIdString[]): Promise<PeerIdString> {
    // The one-time prekey of a session that is there is spent.
    for (const peer of known) {
      if (hasBegun(await this.#sessions(peer), sealed)) return peer
    }
    const { offer } = await this.#offer(sealed)
    return peerIdOf(offer.first)
  }

  begins(sealed: Uint8Array): boolean {
    return beginsSession(sealed)
  }

  async openAlone(peer: PeerIdString, sealed: readonly Uint8Array[]): Promise<boolean> {
    const nowMs = this.#components.clock.now()
    const sessions = await this.#sessions(peer)
    return sealed.every((each) => {
      const atMs = begunAt(sessions, each)
      return atMs !== null && Math.abs(nowMs - atMs) < TAKEN_LIFE_MS
    })
  }

  async give(): Promise<Uint8Array> {
    const { bundle, oneTime } = await this.publish(1)
    return keysCodec.encode([bundle, oneTime[0]!])
  }

  async publish(count: number): Promise<{ bundle: Uint8Array; oneTime: Uint8Array[] }> {
    const { identity, prekeys, clock, random } = this.#components
    const owner = { peer: identity.peer, mlDsaKey: identity.mlDsaKey() }
    const nowMs = clock.now()
    const { bundle, oneTime } = await prekeys.change((before) =>
      give(refresh(before, nowMs, random), owner, count, nowMs, random),
    )
    return { bundle: await sealBundle(bundle, identity), oneTime }
  }

  async begin(peer: PeerIdString, given: Uint8Array): Promise<KeyStep> {
    const { identity, clock, random } = this.#components
    const nowMs = clock.now()
    const commitment = await this.#components.keyCommitmentOf(peer)
    if (commitment === null) throw new CannotOpenError('whose card is not known')
    const [bundleBytes, oneTimeBytes] = keysCodec.decode(given)
    const bundle = await openBundle(bundleBytes, peer, commitment, nowMs)
    const oneTime = oneTimeBytes === null ? null : openOneTimePrekey(oneTimeBytes, bundle)
    const theirs = {
      identity: publicKeyOf(peer),
      signedPrekey: bundle.signedPrekey,
      kemPrekey: oneTime?.kemPrekey ?? bundle.kemPrekey,
      oneTimePrekey: oneTime?.prekey ?? null,
    }
    const ids = { prekeys: bundle.id, oneTime: oneTime?.id ?? null }
    return stepOf(begin(await this.#sessions(peer), identity, theirs, ids, nowMs, random))
  }

  async #offer(sealed: Uint8Array): Promise<{ offer: Offer; oneTime: number | null }> {
    const { identity, prekeys } = this.#components
    const ids = prekeysFor(sealed)
    const secrets = ids && secretsOf(await prekeys.prekeys(), ids)
    if (ids === null || secrets === null) throw new CannotOpenError('for prekeys that are not here')
    return { offer: readOffer(identity, secrets, sealed), oneTime: ids.oneTime }
  }

  async #sessions(peer: PeerIdString): Promise<Sessions> {
    const bytes = await this.#components.sessions.sessions(peer)
    return bytes === null ? [] : sessionsCodec.decode(bytes)
  }
}

function stepOf(
  sessions: Sessions,
  spent: number | null = null,
  opened: string | null = null,
): KeyStep {
  return { sessions: sessionsCodec.encode(sessions), spent, opened }
}
