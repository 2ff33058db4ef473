import type { Clock } from '#lib/protocol/seams.ts'
import { AtOnce } from '../at-once.ts'
import {
  LOOKED_PAUSE_MS,
  MAX_PUSHES_AT_ONCE,
  MAX_PUSHES_PER_MINUTE,
  MAX_WOKEN_MAILBOXES,
  WAKE_PAUSE_MS,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import type { Refusals } from '../refusals.ts'
import type { Push, PushOutcome } from './push.ts'
import type { MailboxId, MailboxStore, Wake } from './store.ts'

export interface WakeUpsComponents {
  store: MailboxStore
  push: Push
  clock: Clock
  refusals: Refusals
  /** Told how each wake-up ended. */
  onPush: (outcome: PushOutcome) => void
}

/** A mailbox whose owner was woken and has not looked, or has only just looked. */
interface Pause {
  /** Whether something came since. */
  again: boolean
  cancel: () => void
}

/**
 * Wakes owners who asked for it when something comes: at once, then at most once in `WAKE_PAUSE_MS` until they list, and
 * not for `LOOKED_PAUSE_MS` after that. What comes in a pause wakes at its end, so that nobody sleeps over the last message.
 */
export class WakeUps {
  readonly #store: MailboxStore
  readonly #push: Push
  readonly #clock: Clock
  readonly #refusals: Refusals
  readonly #onPush: (outcome: PushOutcome) => void
  readonly #perMinute: RateLimit
  readonly #places = new AtOnce({ max: MAX_PUSHES_AT_ONCE, maxPerAsker: MAX_PUSHES_AT_ONCE })
  readonly #pauses = new Map<string, Pause>()
  readonly #sending = new Set<Promise<void>>()
  readonly #stopped = new AbortController()

  constructor({ store, push, clock, refusals, onPush }: WakeUpsComponents) {
    this.#store = store
    this.#push = push
    this.#clock = clock
    this.#refusals = refusals
    this.#onPush = onPush
    this.#perMinute = new RateLimit({ clock }, { max: MAX_PUSHES_PER_MINUTE, windowMs: 60_000 })
  }

  get publicKey(): Uint8Array {
    return this.#push.publicKey
  }

  /** Nobody is woken any more; resolves when no wake-up is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const { cancel } of this.#pauses.values()) cancel()
    this.#pauses.clear()
    await Promise.all(this.#sending)
  }

  /** Whether this relay would send to this address. */
  takes(endpoint: string): boolean {
    return this.#push.takes(endpoint)
  }

  /** Something came; returns at once. */
  came(mailbox: MailboxId): void {
    const pause = this.#pauses.get(keyOf(mailbox))
    if (pause !== undefined) pause.again = true
    else this.#wake(mailbox)
  }

  /** The owner is awake, and about to be given all that came so far. */
  looked(mailbox: MailboxId): void {
    const key = keyOf(mailbox)
    this.#pauses.get(key)?.cancel()
    this.#pauses.delete(key)
    this.#pause(mailbox, LOOKED_PAUSE_MS)
  }

  /** They said anew where to wake them: what they slept over at the address before wakes them there. */
  asked(mailbox: MailboxId): void {
    const key = keyOf(mailbox)
    const pause = this.#pauses.get(key)
    if (pause === undefined) return
    pause.cancel()
    this.#pauses.delete(key)
    if (pause.again) this.#wake(mailbox)
  }

  #wake(mailbox: MailboxId): void {
    if (!this.#pause(mailbox, WAKE_PAUSE_MS)) return
    const sending = this.#send(mailbox).finally(() => this.#sending.delete(sending))
    this.#sending.add(sending)
  }

  /** @returns whether there was room for one more */
  #pause(mailbox: MailboxId, pauseMs: number): boolean {
    if (this.#stopped.signal.aborted || this.#pauses.size >= MAX_WOKEN_MAILBOXES) return false
    const key = keyOf(mailbox)
    const pause: Pause = {
      again: false,
      cancel: this.#clock.after(pauseMs, () => {
        this.#pauses.delete(key)
        if (pause.again) this.#wake(mailbox)
      }),
    }
    this.#pauses.set(key, pause)
    return true
  }

  async #send(mailbox: MailboxId): Promise<void> {
    const wake = await this.#wakeOf(mailbox)
    if (wake === null || wake.endpoint === null || !this.#push.takes(wake.endpoint)) return
    const leave = this.#perMinute.allow('all') ? this.#places.enter('all') : null
    if (leave === null) {
      this.#refusals.count('wake-ups')
      return
    }
    try {
      const outcome = await this.#push.send(wake.endpoint, this.#stopped.signal)
      this.#onPush(outcome)
      if (outcome === 'gone') await this.#forget(mailbox, wake)
    } finally {
      leave()
    }
  }

  async #wakeOf(mailbox: MailboxId): Promise<Wake | null> {
    try {
      return await this.#store.wake(mailbox, this.#clock.now())
    } catch {
      // A store that cannot be asked takes no items either: the next one asks again.
      return null
    }
  }

  /** Of the second after, so that it takes the place of this one and not of what the owner asks for later. */
  async #forget(mailbox: MailboxId, wake: Wake): Promise<void> {
    try {
      await this.#store.wakeAt(mailbox, { ...wake, second: wake.second + 1, endpoint: null })
    } catch {
      // It is tried and found gone once more.
      return
    }
  }
}

function keyOf(mailbox: MailboxId): string {
  return Buffer.from(mailbox).toString('hex')
}
