import type { MessagingIdentity } from '../../crypto/api.ts'
import {
  epochOf,
  epochsWithin,
  introductionMailbox,
  openWithCard,
  sealForCard,
} from '../../crypto/mailbox-keys.ts'
import type { CardKeys } from '../../crypto/mailbox-keys.ts'
import { pad, unpad } from '../../crypto/padding.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { InvalidDataError, StarlingError } from '../../protocol/errors.ts'
import type { Logger, Random } from '../../protocol/seams.ts'
import {
  openSignpost,
  sealSignpost,
  SIGNPOST_LIFE_MS,
  signpostRelays,
} from '../../protocol/signpost.ts'
import type { RelayMailboxes } from './relay-mailboxes.ts'

/** A signpost is put up again after this, ms: relays of the DHT come and go. */
const AGAIN_MS = 12 * 60 * 60 * 1000

export interface SignpostsComponents {
  identity: MessagingIdentity
  random: Random
  logger: Logger
}

/** A relay that keeps my mailboxes. */
export interface SignpostRelay {
  address: string
  mailboxes: Pick<RelayMailboxes, 'now' | 'point' | 'find'>
}

/** What was put up last by a relay. */
interface PutUp {
  epoch: number
  addresses: string
  atMs: number
}

/** Where my introduction mailbox is, told to the DHT by my relays; and where those of others are (protocol/signpost.ts). */
export class Signposts {
  readonly #components: SignpostsComponents
  readonly #putUp = new Map<string, PutUp>()

  constructor(components: SignpostsComponents) {
    this.#components = components
  }

  /**
   * Has this relay put mine up, if it is time. One that does not is no worse a relay, and asked again at the next visit.
   * @param addresses of all that keep my mailboxes
   */
  async putUp(
    { address, mailboxes }: SignpostRelay,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { identity, logger, random } = this.#components
    const nowMs = await mailboxes.now(signal)
    const epoch = epochOf(nowMs)
    const now: PutUp = { epoch, addresses: addresses.join(' '), atMs: nowMs }
    const last = this.#putUp.get(address)
    const isSame = last?.epoch === epoch && last.addresses === now.addresses
    if (isSame && Math.abs(nowMs - last.atMs) < AGAIN_MS) return
    const owner = identity.introductionMailbox(epoch)
    const signpost = await sealSignpost(
      {
        mailbox: owner.publicKey,
        sealed: sealForCard(identity, epoch, pad(signpostRelays.encode([...addresses])), random),
        sequence: nowMs,
        expiresAtMs: nowMs + SIGNPOST_LIFE_MS,
      },
      owner,
    )
    try {
      await mailboxes.point(signpost, signal)
      this.#putUp.set(address, now)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StarlingError)) throw error
      logger.info(`no signpost by ${address}: ${error.message}`)
    }
  }

  /** Where somebody's signpost leads, the newest that these relays find: addresses of relays; none when there is none. */
  async follow(
    card: CardKeys,
    relays: readonly SignpostRelay[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const found = await Promise.all(relays.map((relay) => this.#ask(card, relay, signal)))
    const [newest] = found
      .filter((each) => each !== null)
      .toSorted((one, other) => other.sequence - one.sequence)
    return newest?.addresses ?? []
  }

  async #ask(
    card: CardKeys,
    { address, mailboxes }: SignpostRelay,
    signal: AbortSignal,
  ): Promise<{ addresses: string[]; sequence: number } | null> {
    try {
      const nowMs = await mailboxes.now(signal)
      for (const epoch of epochsWithin(SIGNPOST_LIFE_MS, nowMs)) {
        const mailbox = introductionMailbox(card, epoch)
        const found = await mailboxes.find(mailbox, signal)
        if (found === null) continue
        const signpost = await openSignpost(found, nowMs)
        if (!equalBytes(signpost.mailbox, mailbox)) throw new InvalidDataError('of another mailbox')
        const addresses = signpostRelays.decode(unpad(openWithCard(card, epoch, signpost.sealed)))
        return { addresses, sequence: signpost.sequence }
      }
      return null
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StarlingError)) throw error
      this.#components.logger.info(`no signpost found by ${address}: ${error.message}`)
      return null
    }
  }
}
