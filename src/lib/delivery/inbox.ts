import type { Identity } from '../crypto/api.ts'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Clock, Logger } from '../protocol/seams.ts'
import {
  adoptChain,
  followChain,
  isLaterChain,
  leaveChain,
  type Chains,
  type Delivered,
  type Early,
} from './chain.ts'
import { decodeEnvelope, idOf, saidIn, type Envelope } from './envelope.ts'
import type { KeyStep } from './seams.ts'
import type { DeliveryStore } from './store.ts'

/** How far beyond a gap messages are kept. What lies further is sent again when the gap is closed. */
export const MAX_EARLY = 256

export interface InboxComponents {
  identity: Pick<Identity, 'peer'>
  store: Pick<DeliveryStore, 'early' | 'putEarly' | 'putReceived'>
  clock: Pick<Clock, 'now'>
  logger: Logger
}

export interface InboxInit {
  /** @throws InvalidDataError when the payload is not one of the feature's: the channel it came on then ends. */
  check(payload: Uint8Array): void
}

/**
 * What peers have said, brought into its order: each message in the place its chain gives it, what comes before its time
 * kept until then, and what waited in a chain that has ended shown where that ended. Whoever calls has the turn of the
 * conversation.
 */
export class Inbox {
  readonly #components: InboxComponents
  readonly #init: InboxInit

  constructor(components: InboxComponents, init: InboxInit) {
    this.#components = components
    this.#init = init
  }

  /** The chains, turned to the one of theirs that this is of; null when that has ended. */
  async turnedTo(chains: Chains, envelope: Envelope): Promise<Chains | null> {
    const { theirs, past } = chains
    const { chain } = envelope
    if (theirs?.chain === chain) return chains
    if (past.includes(chain)) return null
    const waiting = await this.#waiting(chains)
    const early = waiting.map((each) => decodeEnvelope(each.envelope))
    if (!isLaterChain(chains, early, envelope)) return null
    return this.#adopt(chains, chain, waiting, 'later')
  }

  /**
   * Stores a message that is not here: in its place, or until those before it come.
   * @param chains turned to the one it is of
   * @param bytes the envelope, as it came
   * @throws InvalidDataError when its payload is not one of the feature's, or it does not follow
   */
  async take(chains: Chains, envelope: Envelope, bytes: Uint8Array, step: KeyStep): Promise<void> {
    const { clock, identity, store } = this.#components
    const { peer } = chains
    const { chain, sequence } = envelope
    const id = idOf(peer, identity.peer, bytes, envelope)
    const receivedAtMs = clock.now()
    const messages = this.#delivered(peer, id, envelope, receivedAtMs)
    for (const { payload } of messages) this.#init.check(payload)
    if (sequence === (chains.theirs?.sequence ?? 0) + 1) {
      await this.#commit(followChain(chains, id, envelope), envelope, messages, step)
    } else {
      await store.putEarly({ peer, chain, sequence, id, envelope: bytes, receivedAtMs }, step)
    }
  }

  /** They say which chain they write now, and how long it is. */
  async begin(chains: Chains, chain: ChainId, sequence: number): Promise<void> {
    const { theirs, past } = chains
    if (theirs?.chain === chain) return
    const waiting = await this.#waiting(chains)
    // The hello may be older than what came through mailboxes: a message tells, but where none will of what waits.
    const isSilent = sequence === 0
    const isFirst = theirs === null || (theirs.sequence === 0 && waiting.length === 0)
    // What came of a chain that a restored backup has ended may have seemed to be of a later one. All is said again.
    const isBack = past.includes(chain)
    if (isFirst || (isSilent && waiting.length > 0)) {
      await this.#adopt(chains, chain, waiting, isSilent ? 'now' : 'later')
    } else if (isBack) {
      await this.#adopt(chains, chain, waiting, 'later')
    }
  }

  /** Stores what the chains advanced by, and what waited for it. */
  async #commit(
    chains: Chains,
    first: Envelope,
    messages: Delivered[],
    step: KeyStep,
  ): Promise<void> {
    const { logger, store } = this.#components
    const { peer } = chains
    const gone: Early[] = []
    let left = await this.#leftBehind(chains)
    // Before what is new, which is after all that was carried over.
    const leave = ({ payload }: Envelope): Delivered[] => {
      if (left.length === 0 || !(payload instanceof Uint8Array)) return []
      const ended = this.#endOf(chains, left)
      gone.push(...left)
      left = []
      chains = ended.chains
      return ended.messages
    }
    messages.unshift(...leave(first))
    for (const early of await this.#waiting(chains)) {
      if (early.sequence > (chains.theirs?.sequence ?? 0) + 1) break
      gone.push(early)
      if (early.sequence <= (chains.theirs?.sequence ?? 0)) continue
      const { id } = early
      const envelope = decodeEnvelope(early.envelope)
      try {
        chains = followChain(chains, id, envelope)
      } catch (error) {
        // It is wanted again, and then ends the channel it comes on.
        logger.warn(`dropped message ${early.sequence} of ${early.peer}: ${String(error)}`)
        break
      }
      messages.push(...leave(envelope))
      messages.push(...this.#delivered(peer, id, envelope, early.receivedAtMs))
    }
    await store.putReceived(chains, messages, gone, step)
  }

  /**
   * Turns to a new chain of theirs.
   * @param waiting what waits in the one before
   * @param when it is taken: later, if what it waits for may be carried over (`#leftBehind`), and it is not too much by now
   */
  async #adopt(
    before: Chains,
    chain: ChainId,
    waiting: Early[],
    when: 'now' | 'later',
  ): Promise<Chains> {
    const left = [...(await this.#leftBehind(before)), ...waiting]
    const gone = when === 'now' || left.length > MAX_EARLY ? left : []
    const ended = this.#endOf(before, gone)
    const after = adoptChain(ended.chains, chain, waiting.length > 0)
    await this.#components.store.putReceived(after, ended.messages, gone, null)
    return after
  }

  /** What came too early in the chain of theirs that is followed. */
  async #waiting({ peer, theirs }: Chains): Promise<Early[]> {
    return theirs === null ? [] : this.#components.store.early(peer, theirs.chain)
  }

  /** What waited in chains of theirs before this one when they ended, the earlier ones' first, until something new is said in this one. */
  async #leftBehind({ peer, theirs, past }: Chains): Promise<Early[]> {
    const early = await this.#components.store.early(peer)
    return early
      .filter(({ chain }) => chain !== theirs?.chain)
      .toSorted((one, other) => past.indexOf(one.chain) - past.indexOf(other.chain))
  }

  /** What waited in a chain that has ended is taken as it is: its gaps stay for ever. */
  #endOf(chains: Chains, waiting: readonly Early[]): { chains: Chains; messages: Delivered[] } {
    const { logger } = this.#components
    const { peer } = chains
    const messages: Delivered[] = []
    for (const { id, sequence, envelope: bytes, receivedAtMs } of waiting) {
      const envelope = decodeEnvelope(bytes)
      try {
        chains = leaveChain(chains, envelope)
        messages.push(...this.#delivered(peer, id, envelope, receivedAtMs))
      } catch (error) {
        logger.warn(`dropped message ${sequence} of ${peer}: ${String(error)}`)
      }
    }
    return { chains, messages }
  }

  /** A message of theirs as a feature gets it: in its chain's place, by its own id and time. None when it was erased. */
  #delivered(
    peer: PeerIdString,
    id: MessageId,
    envelope: Envelope,
    receivedAtMs: number,
  ): Delivered[] {
    const { chain, sequence } = envelope
    const said = saidIn(peer, this.#components.identity.peer, id, envelope)
    return said === null ? [] : [{ ...said, peer, mine: false, chain, sequence, receivedAtMs }]
  }
}
