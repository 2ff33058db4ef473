import type { Clock } from '../../protocol/seams.ts'
import { transportOf } from '../addresses.ts'
import type { Traffic } from '../traffic.ts'
import type { Link, Links } from './links.ts'

/** Whoever is sent something is heard within this, or there is doubt, ms. */
export const SILENCE_MS = 1_000

/** More than this takes its time on a slow line, and is answered when all of it is there. */
export const LITTLE_BYTES = 16 * 1024

export interface SilenceComponents {
  links: Links
  traffic: Pick<Traffic, 'of'>
  clock: Clock
  /** This connection may be dead. */
  doubt(link: Link): void
}

/** From this moment on a link has brought nothing. */
interface Wait {
  /** Of the connection, then. */
  bytesIn: number
  bytesOut: number
  sinceMs: number
  cancel: () => void
}

/**
 * Doubts a direct connection that brings nothing after a little was sent over it.
 *
 * Browsers notice a way that has died late: Chromium after 5 s, Firefox when consent to send has run out, after 30 s
 * (RFC 7675). What goes through a relay is not watched, which says who is gone; nor are lanes, on which only much goes.
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

  /** Something is about to be sent over this link. */
  sent(link: Link): void {
    // A relay is connected directly, too, and has other ways of showing that it is there.
    if (transportOf(link.connection.remoteAddr) !== 'webrtc' || link.aside) return
    const { clock, traffic } = this.#components
    const wait = this.#waits.get(link)
    const { bytesIn, bytesOut } = traffic.of(link.connection)
    if (wait === undefined) {
      const cancel = this.#lookIn(link, SILENCE_MS)
      this.#waits.set(link, { bytesIn, bytesOut, sinceMs: clock.now(), cancel })
    } else if (wait.bytesIn !== bytesIn) {
      Object.assign(wait, { bytesIn, bytesOut, sinceMs: clock.now() })
    }
  }

  /** Looks after so long whether something came. */
  #lookIn(link: Link, ms: number): () => void {
    const { clock, traffic } = this.#components
    return clock.after(ms, () => {
      const wait = this.#waits.get(link)!
      const leftMs = wait.sinceMs + SILENCE_MS - clock.now()
      const { bytesIn, bytesOut } = traffic.of(link.connection)
      const heard = bytesIn !== wait.bytesIn
      if (!heard && leftMs > 0) {
        wait.cancel = this.#lookIn(link, leftMs)
        return
      }
      this.#waits.delete(link)
      if (!heard && bytesOut - wait.bytesOut <= LITTLE_BYTES) this.#components.doubt(link)
    })
  }
}
