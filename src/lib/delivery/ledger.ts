import { CannotOpenError } from '../crypto/errors.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import type { ChainId, PeerIdString } from '../protocol/ids.ts'
import type { Logger, Random } from '../protocol/seams.ts'
import { Turns } from '../protocol/turns.ts'
import { freshChains, heldOf, type Chains, type Outgoing } from './chain.ts'
import { encodeContent } from './content.ts'
import type { KeyStep, Sealer } from './seams.ts'
import type { DeliveryStore } from './store.ts'

export interface LedgerComponents {
  store: Pick<DeliveryStore, 'chains' | 'putChains' | 'putSealed' | 'dropReceipts'>
  sealer: Pick<Sealer, 'seal' | 'open'>
  random: Random
  logger: Logger
}

/**
 * Where each conversation stands, and what is sealed and opened with its keys. Whoever reads and then writes any of it, here
 * or in the store, has the conversation's turn.
 */
export class Ledger {
  readonly turns = new Turns<PeerIdString>()
  readonly #components: LedgerComponents

  constructor(components: LedgerComponents) {
    this.#components = components
  }

  /** Kept from the first time on, so that the chain told in a hello is the one written then. */
  async chains(peer: PeerIdString): Promise<Chains> {
    const { random, store } = this.#components
    const known = await store.chains(peer)
    if (known !== null) return known
    const fresh = freshChains(peer, random)
    await store.putChains(fresh)
    return fresh
  }

  /** Their side says, or a note of theirs, how far it holds, and maybe has read, my chain. */
  async hold(
    peer: PeerIdString,
    chain: ChainId,
    numbers: { received?: number; read?: number },
  ): Promise<void> {
    const { store } = this.#components
    const chains = await store.chains(peer)
    if (chains?.mine.chain !== chain) return
    const { mine } = chains
    const before = heldOf(mine)
    const read = Math.max(mine.read, numbers.read ?? 0)
    // What was read was received, and needs no store any more.
    const received = Math.max(mine.received, numbers.received ?? 0, read)
    if (received > mine.sequence) throw new InvalidDataError('holds what was never sent')
    const held = numbers.received ?? (mine.held === undefined ? received : before)
    if (received === mine.received && read === mine.read && held === before) return
    const { sequence, head } = mine
    const after = { chain, sequence, head, stored: Math.max(mine.stored, received), received, read }
    await store.putChains({ ...chains, mine: held < received ? { ...after, held } : after })
    // They took it from where it lay, before they restored a backup from before that.
    if (held < before) await store.dropReceipts(peer, chain, held + 1, received)
  }

  /** Null while there are no keys of theirs. */
  sealEnvelope(
    peer: PeerIdString,
    envelope: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null> {
    return this.#components.sealer.seal(peer, encodeContent({ type: 'message', envelope }))
  }

  /** Null when it was sealed with keys that are not here. */
  async open(
    peer: PeerIdString,
    sealed: Uint8Array,
  ): Promise<{ content: Uint8Array; step: KeyStep } | null> {
    const { logger, sealer } = this.#components
    try {
      return await sealer.open(peer, sealed)
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      logger.info(`a message of ${peer} does not open: ${error.message}`)
      return null
    }
  }

  /** Seals a message that waits in the outbox, durably and in a turn of its own; null while there are no keys of theirs. */
  seal(peer: PeerIdString, outgoing: Outgoing): Promise<Uint8Array | null> {
    const { store } = this.#components
    return this.turns.run(peer, async () => {
      const sealing = await this.sealEnvelope(peer, outgoing.envelope)
      if (sealing === null) return null
      const { sealed, step } = sealing
      await store.putSealed({ ...outgoing, sealed, receipts: [] }, step)
      return sealed
    })
  }
}
