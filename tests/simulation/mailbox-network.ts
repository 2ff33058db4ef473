import { NoAnswerError } from '#lib/delivery/mailbox/errors.ts'
import {
  ANSWER_TIMEOUT_MS,
  type MailboxCall,
  type MailboxTransport,
} from '#lib/delivery/mailbox/transport.ts'
import type { Faults } from './faults.ts'
import type { Life } from './life.ts'
import type { SimulatedRelay } from './relay.ts'
import type { VirtualTime } from './virtual-time.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export interface MailboxNetworkComponents {
  time: VirtualTime
  faults: Faults
  life: Life
}

export interface MailboxNetworkInit {
  relays: readonly SimulatedRelay[]
  /** The device, as relays count its requests. */
  source: string
  reaches(relay: SimulatedRelay): boolean
}

/** The way to relays: a request or its answer may be lost, come twice, or a day late. */
export class MailboxNetwork implements MailboxTransport {
  readonly #components: MailboxNetworkComponents
  readonly #init: MailboxNetworkInit

  constructor(components: MailboxNetworkComponents, init: MailboxNetworkInit) {
    this.#components = components
    this.#init = init
  }

  call(
    origin: string,
    call: MailboxCall,
    body: Uint8Array | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { time, faults, life } = this.#components
    if (life.dead) return life.gone()
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>()
    const onAbort = (): void => {
      settle(() => {
        reject(signal.reason as Error)
      })
    }
    const patience = life.after(ANSWER_TIMEOUT_MS, () => {
      fail()
    })
    let settled = false
    const settle = (outcome: () => void): void => {
      if (settled) return
      settled = true
      patience()
      signal.removeEventListener('abort', onAbort)
      outcome()
    }
    const fail = (): void => {
      settle(() => {
        reject(new NoAnswerError(`no answer of ${origin}`))
      })
    }
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    const relay = this.#init.relays.find((each) => each.origin === origin)
    const ask = async (): Promise<void> => {
      if (relay?.up !== true || !this.#init.reaches(relay)) {
        life.hears(20, fail)
        return
      }
      let outcome: () => void
      try {
        const answer = await relay.answer(call, body ?? new Uint8Array(), this.#init.source)
        const fits = answer.byteLength <= maxBytes
        outcome = fits
          ? () => {
              resolve(answer)
            }
          : fail
      } catch (error) {
        outcome = () => {
          reject(error)
        }
      }
      if (faults.happens('answerLost')) return
      life.hears(faults.between(5, 200), () => {
        settle(outcome)
      })
    }
    if (faults.happens('requestLost')) return promise
    for (let copies = faults.happens('requestDoubled') ? 2 : 1; copies > 0; copies -= 1) {
      const late = faults.happens('requestByADay')
      time.after(faults.between(5, 200) + (late ? faults.random.fraction() * DAY_MS : 0), () => {
        void ask()
      })
    }
    return promise
  }
}
