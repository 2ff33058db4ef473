import * as v from 'valibot'
import { MAX_ENDPOINT_CHARS } from '../../protocol/mailbox.ts'
import type { Clock } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import { changesOf, watch, type Changing } from '../../rpc/watch.ts'
import type { WakeAddress, WakeUps, WakeUpsApi } from './api.ts'
import { UnusableSubscriptionError } from './errors.ts'

/** States follow each other at most this fast, ms: faster than anybody reads. */
const PACE_MS = 100

/** My mailboxes, whose relays wake. */
export interface WakingMailboxes {
  readonly wakeUps: Changing<'changed'> & { readonly state: WakeUps }
  wakeAt(address: WakeAddress | null): Promise<void>
  visit(): Promise<void>
}

export interface WakeUpsComponents {
  mailboxes: WakingMailboxes
  clock: Clock
}

const addressSchema = v.strictObject({
  endpoint: v.pipe(v.string(), v.maxLength(MAX_ENDPOINT_CHARS), v.url()),
  /** 65 bytes: an uncompressed point. */
  key: v.pipe(v.string(), v.regex(/^[\w-]{87}$/)),
})

/** Being woken by a relay. The page alone can subscribe; the host tells relays, and keeps what they know. */
export class WakeUpsService implements WakeUpsApi {
  readonly #components: WakeUpsComponents
  /** Changes of the address, one after another: each sees what the one before has kept. */
  readonly #turns = new Turns<'address'>()

  constructor(components: WakeUpsComponents) {
    this.#components = components
  }

  watchWakeUps(options?: AbortOptions): AsyncIterable<WakeUps> {
    const { clock, mailboxes } = this.#components
    const { wakeUps } = mailboxes
    return watch(
      {
        read: () => wakeUps.state,
        changes: changesOf(wakeUps, 'changed'),
        paceMs: PACE_MS,
      },
      clock,
      options,
    )
  }

  async wakeAt(address: WakeAddress, options?: AbortOptions): Promise<void> {
    requireAddress(address)
    options?.signal?.throwIfAborted()
    await this.#turns.run('address', () => this.#components.mailboxes.wakeAt(address))
  }

  async moveTo(
    address: WakeAddress,
    insteadOf: WakeAddress,
    options?: AbortOptions,
  ): Promise<void> {
    requireAddress(address)
    requireAddress(insteadOf)
    options?.signal?.throwIfAborted()
    const { mailboxes } = this.#components
    await this.#turns.run('address', async () => {
      if (isSame(mailboxes.wakeUps.state.address, insteadOf)) await mailboxes.wakeAt(address)
    })
  }

  async letSleep(options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#turns.run('address', () => this.#components.mailboxes.wakeAt(null))
  }

  woken(): Promise<void> {
    return this.#components.mailboxes.visit()
  }
}

/** @throws UnusableSubscriptionError */
function requireAddress(address: WakeAddress): void {
  if (!v.is(addressSchema, address)) throw new UnusableSubscriptionError('not an address')
}

function isSame(a: WakeAddress | null, b: WakeAddress): boolean {
  return a?.endpoint === b.endpoint && a.key === b.key
}
