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

/**
 * Doubts a direct connection that brings nothing after something was sent over it.
 *
 * Browsers notice a way that has died late: Chromium after 5 s, Firefox when consent to send has run out, after 30 s
 * (RFC 7675). A relay is asked whether it is there anyway, and says who is gone.
 */
export class Silence {
  readonly #components: SilenceComponents
  /** Links over which something was sent lately, each with what ends the wait. */
  readonly #waits = new Map<Link, () => void>()

  constructor(components: SilenceComponents) {
    this.#components = components
    components.links.addEventListener('closed', ({ detail: link }) => {
      this.#waits.get(link)?.()
      this.#waits.delete(link)
    })
  }

  /** Something was sent over this link. */
  sent(link: Link): void {
    if (link.path !== 'direct' || this.#waits.has(link)) return
    const { clock, traffic, doubt } = this.#components
    const { bytesIn } = traffic.of(link.connection)
    const cancel = clock.after(SILENCE_MS, () => {
      this.#waits.delete(link)
      if (traffic.of(link.connection).bytesIn === bytesIn) doubt(link)
    })
    this.#waits.set(link, cancel)
  }
}
