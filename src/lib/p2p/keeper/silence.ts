import type { Clock } from '../../protocol/seams.ts'
import type { Traffic } from '../traffic.ts'
import type { Link, Links } from './links.ts'

/** Whoever is sent something is heard within this, or there is doubt, ms. */
export const SILENCE_MS = 2_000

export interface SilenceComponents {
  links: Links
  traffic: Pick<Traffic, 'of'>
  clock: Clock
  /** This connection may be dead. */
  doubt(link: Link): void
}

/** From this moment on a link has brought nothing. */
interface Wait {
  bytesIn: number
  sinceMs: number
  cancel: () => void
}

/**
 * Doubts a direct connection that brings nothing after something was sent over it.
 *
 * Browsers notice a way that has died late: Chromium after 5 s, Firefox when consent to send has run out, after 30 s
 * (RFC 7675). A relay is asked whether it is there anyway, and says who is gone.
 */
export class Silence {
  readonly #components: SilenceComponents
  /** Links over which something was sent that nothing came after. */
  readonly #waits = new Map<Link, Wait>()

  constructor(components: SilenceComponents) {
    this.#components = components
    components.links.addEventListener('closed', ({ detail: link }) => {
      this.#waits.get(link)?.cancel()
      this.#waits.delete(link)
    })
  }

  /** Something was sent over this link. */
  sent(link: Link): void {
    if (link.path !== 'direct') return
    const { clock, traffic } = this.#components
    const { bytesIn } = traffic.of(link.connection)
    const wait = this.#waits.get(link)
    if (wait === undefined) {
      this.#waits.set(link, {
        bytesIn,
        sinceMs: clock.now(),
        cancel: this.#lookIn(link, SILENCE_MS),
      })
    } else if (wait.bytesIn !== bytesIn) {
      wait.bytesIn = bytesIn
      wait.sinceMs = clock.now()
    }
  }

  /** Looks after so long whether something came. */
  #lookIn(link: Link, ms: number): () => void {
    const { clock, traffic } = this.#components
    return clock.after(ms, () => {
      const wait = this.#waits.get(link)!
      const leftMs = wait.sinceMs + SILENCE_MS - clock.now()
      const heard = traffic.of(link.connection).bytesIn !== wait.bytesIn
      if (!heard && leftMs > 0) wait.cancel = this.#lookIn(link, leftMs)
      else this.#waits.delete(link)
      if (!heard && leftMs <= 0) this.#components.doubt(link)
    })
  }
}
