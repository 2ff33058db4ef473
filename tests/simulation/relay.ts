import { RefusedError } from '#lib/delivery/mailbox/errors.ts'
import { markOf } from '#lib/delivery/seams.ts'
import type { MailboxCall } from '#lib/delivery/mailbox/transport.ts'
import { refusalCodec } from '#lib/protocol/mailbox.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import { Mailboxes } from '#relay/mailbox/mailboxes.ts'
import { answerOf, refusalOf } from '#relay/mailbox/refusal-answers.ts'
import type { Entry, MailboxId, NewItem, Quotas } from '#relay/mailbox/store.ts'
import { silentLogger } from '../fixtures/fake-network.ts'
import { MemoryMailboxStore } from '../fixtures/memory-mailbox-store.ts'
import type { MemorySignposts } from '../fixtures/memory-signposts.ts'
import type { Faults } from './faults.ts'
import { skewedClock, type VirtualTime } from './virtual-time.ts'

const MIB = 1024 * 1024
const ROOMY: Quotas = { mailbox: 16 * MIB, sender: 16 * MIB, strangers: 16 * MIB, relay: 64 * MIB }
/** For some ten messages. */
const NARROW: Quotas = { mailbox: 24_000, sender: 12_000, strangers: 12_000, relay: 64 * MIB }

/** How a relay betrays those who rely on it. */
export type Vice = 'none' | 'drops' | 'replays' | 'withholds' | 'changes'

export const VICES: readonly Vice[] = ['drops', 'replays', 'withholds', 'changes']

/** A store that does not always do what it says. */
class ViciousStore extends MemoryMailboxStore {
  readonly #vice: Vice
  readonly #faults: Faults
  readonly #quotas: Quotas
  /** Marks of all that was ever put here and durable. */
  readonly kept = new Set<string>()
  #healed = false

  constructor(id: Uint8Array, vice: Vice, faults: Faults) {
    const quotas = { ...ROOMY }
    super(id, quotas)
    this.#quotas = quotas
    this.#vice = vice
    this.#faults = faults
  }

  narrow(isNarrow: boolean): void {
    Object.assign(this.#quotas, isNarrow ? NARROW : ROOMY)
  }

  heal(): void {
    this.#healed = true
    this.narrow(false)
  }

  override async put(item: NewItem): Promise<Entry> {
    const entry = await super.put(item)
    if (this.#does('drops')) await super.remove(item.mailbox, [entry.number])
    else this.kept.add(markOf(item.bytes))
    return entry
  }

  override async list(
    mailbox: MailboxId,
    after: number,
    limit: number,
    nowMs: number,
  ): Promise<Entry[]> {
    return this.#does('withholds') ? [] : super.list(mailbox, after, limit, nowMs)
  }

  override async read(
    mailbox: MailboxId,
    numbers: readonly number[],
  ): Promise<Map<number, Uint8Array>> {
    const found = await super.read(mailbox, numbers)
    if (!this.#does('changes')) return found
    return new Map([...found].map(([number, bytes]) => [number, bytes.toReversed()]))
  }

  override async remove(mailbox: MailboxId, numbers: readonly number[]): Promise<void> {
    if (!this.#does('replays')) await super.remove(mailbox, numbers)
  }

  #does(vice: Vice): boolean {
    if (this.#healed || this.#vice !== vice || !this.#faults.oneIn(2)) return false
    this.#faults.count(`relay ${vice}`)
    return true
  }
}

/** The relay's own mailboxes over a store in memory. */
export class SimulatedRelay {
  readonly address: string
  readonly vice: Vice
  readonly store: ViciousStore
  readonly clock: Clock
  readonly #mailboxes: Mailboxes
  readonly #signposts: MemorySignposts
  readonly #onRefusal: (what: string, refusal: string) => void
  up = true

  constructor(
    number: number,
    signer: Signer,
    vice: Vice,
    skewMs: number,
    time: VirtualTime,
    faults: Faults,
    signposts: MemorySignposts,
    onRefusal: (what: string, refusal: string) => void,
  ) {
    this.#onRefusal = onRefusal
    this.#signposts = signposts
    this.clock = skewedClock(time, skewMs)
    this.address = `relay-${number}.example`
    this.vice = vice
    this.store = new ViciousStore(new Uint8Array(16).fill(number), vice, faults)
    this.#mailboxes = new Mailboxes(
      {
        store: this.store,
        signer,
        clock: this.clock,
        log: silentLogger,
        wakeUps: null,
        onPut: () => undefined,
      },
      { store: this.store.id, workBits: 2 },
    )
  }

  get origin(): string {
    return `https://${this.address}`
  }

  /** @throws RefusedError */
  async answer(
    call: MailboxCall,
    body: Uint8Array,
    source: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      if (call === 'info') return Uint8Array.from(this.#mailboxes.info())
      if (call === 'point' || call === 'find') {
        return Uint8Array.from(await this.#signposts[call](body, this))
      }
      const answer =
        call === 'put' || call === 'publish'
          ? await this.#mailboxes[call](body, source)
          : await this.#mailboxes[call](body)
      return Uint8Array.from(answer)
    } catch (error) {
      const refusal = refusalOf(error)
      this.#onRefusal(`${this.address} refuses to ${call}: ${refusal}`, refusal)
      throw new RefusedError(refusalCodec.decode(answerOf(refusal).body))
    }
  }
}
