import type { Identity } from '../crypto/api.ts'
import { CannotOpenError } from '../crypto/errors.ts'
import type { Channel, Channels } from '../p2p/api.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../protocol/seams.ts'
import {
  adoptChain,
  followChain,
  forgottenChains,
  freshChains,
  skipTo,
  type Chains,
  type Delivered,
  type Early,
  type Outgoing,
} from './chain.ts'
import { decodeEnvelope, encodeEnvelope, messageId, type Envelope } from './envelope.ts'
import { NotAcceptedError } from './errors.ts'
import { MAX_FRAME_BYTES } from './frames.ts'
import type { KeyStep, Mailbox, Sealer } from './seams.ts'
import { Session, type Incoming, type Intake, type Taken } from './session.ts'
import type { DeliveryStore } from './store.ts'
import { Turns } from '../protocol/turns.ts'

/** How far beyond a gap messages are kept. What lies further is sent again when the gap is closed. */
export const MAX_EARLY = 64

export interface DeliveryComponents {
  identity: Pick<Identity, 'peer'>
  channels: Channels
  store: DeliveryStore
  sealer: Sealer
  mailbox: Mailbox
  clock: Clock
  random: Random
  logger: Logger
}

export interface DeliveryInit {
  /** Protocol id of the channels. */
  protocol: string
  /** Whether messages are exchanged with this peer. Asked as in `ChannelInit.accept`, and for each message of theirs. */
  accept(peer: PeerIdString): Promise<boolean> | boolean
  /** @throws InvalidDataError when the payload is not one of the feature's: its channel then ends. */
  check(payload: Uint8Array): void
}

/**
 * Durable messages between two people. Guarantees: a message sent is durable before its id is told; it arrives once,
 * unchanged, and in an order that never puts an effect before its cause, whatever channels do and wherever
 * either side stops; what is told as received or read is true. Order and states: envelope.ts, frames.ts, chain.ts.
 *
 * A conversation with oneself has the same chain and no channel.
 */
export class Delivery implements Startable, Intake {
  readonly #components: DeliveryComponents
  readonly #init: DeliveryInit
  readonly #sessions = new Map<PeerIdString, Session>()
  /** All that reads and then writes a conversation's chains. */
  readonly #turns = new Turns<PeerIdString>()
  #unhandle: (() => Promise<void>) | null = null

  constructor(components: DeliveryComponents, init: DeliveryInit) {
    this.#components = components
    this.#init = init
  }

  async start(): Promise<void> {
    if (this.#unhandle !== null) return
    this.#unhandle = await this.#components.channels.handle({
      protocol: this.#init.protocol,
      maxFrameBytes: MAX_FRAME_BYTES,
      accept: (peer) => this.#init.accept(peer),
      onChannel: (channel) => {
        void this.#serve(channel)
      },
    })
  }

  async stop(): Promise<void> {
    await this.#unhandle?.()
    this.#unhandle = null
    await Promise.all([...this.#sessions.values()].map((session) => session.end()))
    await this.#turns.idle()
  }

  /** What `accept` says about this peer may have changed. */
  offer(peer: PeerIdString): void {
    this.#components.channels.offer(this.#init.protocol, peer)
  }

  /**
   * Resolves once the message is durable here. The same `intent` again is the same message.
   * @throws StorageFullError, LimitExceededError
   */
  async send(peer: PeerIdString, payload: Uint8Array, intent: string): Promise<MessageId> {
    const { clock, identity, mailbox, sealer, store } = this.#components
    return this.#turns.run(peer, async () => {
      const sent = await store.sentFor(peer, intent)
      if (sent !== null) return sent
      const chains = await this.#chains(peer)
      const { chain } = chains.mine
      const envelope: Envelope = {
        chain,
        sequence: chains.mine.sequence + 1,
        previous: chains.mine.head,
        parent: chains.theirs?.head ?? null,
        clock: chains.clock + 1,
        sentAtMs: clock.now(),
        payload,
      }
      const bytes = encodeEnvelope(envelope)
      const id = messageId(identity.peer, peer, bytes)
      const { sequence } = envelope
      // Sealed before the transaction: one that waits for anything else commits by itself. A turn is alone with the keys.
      const sealable = peer !== identity.peer && (await this.#init.accept(peer))
      const sealing = sealable ? await sealer.seal(peer, bytes) : null
      const sealed = sealing?.sealed ?? null
      const after = {
        ...chains,
        clock: envelope.clock,
        mine: { ...chains.mine, sequence, head: id },
      }
      const message = delivered(peer, true, id, envelope, envelope.sentAtMs)
      const outgoing = { peer, chain, sequence, id, intent, envelope: bytes, sealed, receipts: [] }
      await store.putSent(after, outgoing, message, sealing?.step ?? null)
      const session = this.#sessions.get(peer)
      if (session !== undefined) session.wake()
      else if (sealed !== null) mailbox.deposit(peer, id, sealed)
      return id
    })
  }

  /** All of theirs up to and including this message was on my screen. */
  async markRead(peer: PeerIdString, upTo: MessageId): Promise<void> {
    await this.#turns.run(peer, async () => {
      const chains = await this.#components.store.markRead(peer, upTo)
      if (chains !== null) this.#sessions.get(peer)?.tellRead()
    })
  }

  /** Deletes the history. What was not delivered never will be. */
  async forget(peer: PeerIdString): Promise<void> {
    const { random, store } = this.#components
    await this.#turns.run(peer, async () => {
      const chains = await this.#chains(peer)
      await store.forget(forgottenChains(chains, random))
      this.#sessions.get(peer)?.tellAgain()
    })
  }

  /** Their keys are others now: all that they have not acknowledged is sealed again, in a new session. */
  async forgetKeys(peer: PeerIdString): Promise<void> {
    const { store } = this.#components
    await this.#turns.run(peer, async () => {
      const { mine } = await this.#chains(peer)
      await store.forgetKeys(peer, mine.chain, mine.received)
    })
  }

  /**
   * Takes a sealed message in, from a channel or a mailbox. It is opened only when it is taken: a key opens one message
   * once.
   * @throws StarlingError when it is not acceptable.
   */
  async receive(peer: PeerIdString, { chain, sequence, sealed }: Incoming): Promise<Taken> {
    const { clock, identity, store } = this.#components
    return this.#turns.run(peer, async () => {
      // A channel is still read to its end when the answer has changed, and a mailbox may be emptied late.
      if (!(await this.#init.accept(peer))) throw new NotAcceptedError('no longer accepted')
      const before = await this.#chains(peer)
      if (before.past.includes(chain)) return { type: 'ended' }
      const chains = before.theirs?.chain === chain ? before : await this.#adopt(before, chain)
      const known = chains.theirs?.sequence ?? 0
      if (sequence <= known) return { type: 'held' }
      const missing = { chain, first: known + 1, last: sequence - 1 }
      if (sequence > known + MAX_EARLY) return { type: 'early', missing }
      const waiting = await store.early(peer, chain)
      if (waiting.some((early) => early.sequence === sequence)) return { type: 'early', missing }
      const opened = await this.#open(peer, sealed)
      if (opened === null) return { type: 'unopened' }
      const bytes = opened.envelope
      const envelope = decodeEnvelope(bytes)
      if (envelope.chain !== chain || envelope.sequence !== sequence) {
        throw new InvalidDataError('another message than it was said to be')
      }
      this.#init.check(envelope.payload)
      const id = messageId(peer, identity.peer, bytes)
      const receivedAtMs = clock.now()
      if (sequence === known + 1) {
        const message = delivered(peer, false, id, envelope, receivedAtMs)
        await this.#commit(followChain(chains, id, envelope), message, opened.step)
        return { type: 'held' }
      }
      const early = { peer, chain, sequence, id, envelope: bytes, receivedAtMs }
      await store.putEarly(early, opened.step)
      return { type: 'early', missing }
    })
  }

  /** Seals a message that waits in the outbox; null while there are no keys of theirs. */
  seal(peer: PeerIdString, outgoing: Outgoing): Promise<Uint8Array | null> {
    const { sealer, store } = this.#components
    return this.#turns.run(peer, async () => {
      const sealing = await sealer.seal(peer, outgoing.envelope)
      if (sealing === null) return null
      const { sealed, step } = sealing
      await store.putSealed({ ...outgoing, sealed }, step)
      return sealed
    })
  }

  give(peer: PeerIdString): Promise<Uint8Array> {
    return this.#components.sealer.give(peer)
  }

  /** @param after what they hold of my chain; null when they want no more than to be written to */
  async theyGave(peer: PeerIdString, keys: Uint8Array, after: number | null): Promise<void> {
    const { sealer, store } = this.#components
    await this.#turns.run(peer, async () => {
      if (after === null && (await store.sessions(peer)) !== null) return
      const { mine } = await this.#chains(peer)
      const step = await sealer.begin(peer, keys)
      await store.putKeys(peer, step, mine.chain, after ?? mine.sequence)
    })
  }

  /** Where the chains stand; begins them when nothing was said yet. */
  chains(peer: PeerIdString): Promise<Chains> {
    return this.#turns.run(peer, () => this.#chains(peer))
  }

  /** Their side names the chain it writes now. */
  async theyBegan(peer: PeerIdString, chain: ChainId): Promise<void> {
    await this.#turns.run(peer, async () => {
      const chains = await this.#chains(peer)
      if (chains.theirs?.chain === chain || chains.past.includes(chain)) return
      await this.#adopt(chains, chain)
    })
  }

  /** Their side says how far it holds, and maybe has read, my chain. */
  async theyHold(
    peer: PeerIdString,
    chain: ChainId,
    numbers: { received?: number; read?: number },
  ): Promise<void> {
    const { store } = this.#components
    await this.#turns.run(peer, async () => {
      const chains = await store.chains(peer)
      if (chains?.mine.chain !== chain) return
      const { mine } = chains
      const read = Math.max(mine.read, numbers.read ?? 0)
      // What was read was received.
      const received = Math.max(mine.received, numbers.received ?? 0, read)
      if (received === mine.received && read === mine.read) return
      await store.putChains({ ...chains, mine: { ...mine, received, read } })
    })
  }

  /** Only in a turn. Kept from the first time on, so that the chain told in a hello is the one written then. */
  async #chains(peer: PeerIdString): Promise<Chains> {
    const { random, store } = this.#components
    const known = await store.chains(peer)
    if (known !== null) return known
    const fresh = freshChains(peer, random)
    await store.putChains(fresh)
    return fresh
  }

  async #serve(channel: Channel): Promise<void> {
    const { clock, logger, random, store } = this.#components
    const { peer } = channel
    await this.#sessions.get(peer)?.end()
    const session = new Session({ channel, clock, intake: this, logger, random, store })
    this.#sessions.set(peer, session)
    await session.run()
    if (this.#sessions.get(peer) === session) this.#sessions.delete(peer)
  }

  /** Null when it was sealed with keys that are not here. */
  async #open(
    peer: PeerIdString,
    sealed: Uint8Array,
  ): Promise<{ envelope: Uint8Array; step: KeyStep } | null> {
    const { logger, sealer } = this.#components
    try {
      return await sealer.open(peer, sealed)
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      logger.info(`a message of ${peer} does not open: ${error.message}`)
      return null
    }
  }

  /** Stores a message and what waited for it. */
  async #commit(chains: Chains, message: Delivered, step: KeyStep): Promise<void> {
    const { logger, store } = this.#components
    const messages = [message]
    const gone: Early[] = []
    for (const early of await store.early(message.peer, message.chain)) {
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
      messages.push(delivered(message.peer, false, id, envelope, early.receivedAtMs))
    }
    await store.putReceived(chains, messages, gone, step)
  }

  /** Turns to a new chain of theirs. What waited in the old one is taken as it is: its gaps stay for ever. */
  async #adopt(before: Chains, chain: ChainId): Promise<Chains> {
    const { logger, store } = this.#components
    const { peer } = before
    const waiting = before.theirs === null ? [] : await store.early(peer, before.theirs.chain)
    const messages: Delivered[] = []
    let chains = before
    for (const early of waiting) {
      const { id } = early
      const envelope = decodeEnvelope(early.envelope)
      try {
        chains = skipTo(chains, id, envelope)
        messages.push(delivered(peer, false, id, envelope, early.receivedAtMs))
      } catch (error) {
        logger.warn(`dropped message ${early.sequence} of ${peer}: ${String(error)}`)
      }
    }
    const after = adoptChain(chains, chain)
    await store.putReceived(after, messages, waiting, null)
    return after
  }
}

function delivered(
  peer: PeerIdString,
  mine: boolean,
  id: MessageId,
  { chain, sequence, clock, sentAtMs, payload }: Envelope,
  receivedAtMs: number,
): Delivered {
  return { id, peer, mine, chain, sequence, clock, sentAtMs, receivedAtMs, payload }
}
