import { CannotOpenError } from '#lib/crypto/errors.ts'
import { MAX_SESSIONS } from '#lib/crypto/sessions.ts'
import { sessionsCodec } from '#lib/crypto/sessions-codec.ts'
import { RatchetSealer, type RatchetSealerComponents } from '#lib/delivery/ratchet-sealer.ts'
import { markOf, type KeyStep } from '#lib/delivery/seams.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'

export interface WatchedSealerInit {
  /** The session each thing of anybody was sealed in that was not opened yet, by its mark. */
  sealedIn: Map<string, string>
  /**
   * Sessions that somebody has let go for others. What began one may still come, and begins it once more on that side alone:
   * then neither opens what the other seals in it, and says so.
   */
  letGo: Set<string>
  /** Sessions held with each by whoever seals, as far as is known; outlives a restart. */
  held: Map<PeerIdString, string[]>
  fail(what: string): void
  /** It does not open, and sessions may have been let go for others. */
  onFull(): void
}

/**
 * Holds the real sealer to its promise: what was sealed in a session opens as long as that session is held, in whatever
 * order it comes, and is not opened once more. Without this nobody would miss a key: what does not open is sealed anew.
 */
export class WatchedSealer extends RatchetSealer {
  readonly #sessions: RatchetSealerComponents['sessions']
  readonly #init: WatchedSealerInit

  constructor(components: RatchetSealerComponents, init: WatchedSealerInit) {
    super(components)
    this.#sessions = components.sessions
    this.#init = init
  }

  override async seal(
    peer: PeerIdString,
    content: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null> {
    const result = await super.seal(peer, content)
    if (result !== null) {
      const [session] = this.#hold(peer, result.step)
      this.#init.sealedIn.set(markOf(result.sealed), session!)
    }
    return result
  }

  override async open(
    peer: PeerIdString,
    sealed: Uint8Array,
  ): Promise<{ content: Uint8Array; step: KeyStep }> {
    const mark = markOf(sealed)
    try {
      const opened = await super.open(peer, sealed)
      // What was opened, and then deleted behind a gap, comes again and has no key any more.
      this.#init.sealedIn.delete(mark)
      this.#hold(peer, opened.step)
      return opened
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      const session = this.#init.sealedIn.get(mark)
      const held = await this.#sessions.sessions(peer)
      const isHeld = session !== undefined && held !== null && idsOf(held).includes(session)
      if (isHeld && !this.#init.letGo.has(session)) {
        this.#init.fail('what was sealed in a session that is held does not open')
      }
      if (held !== null && idsOf(held).length === MAX_SESSIONS) this.#init.onFull()
      throw error
    }
  }

  /** The sessions after this step. */
  #hold(peer: PeerIdString, { sessions }: KeyStep): string[] {
    const { held, letGo } = this.#init
    const after = idsOf(sessions)
    for (const each of held.get(peer) ?? []) if (!after.includes(each)) letGo.add(each)
    held.set(peer, after)
    return after
  }
}

/** The one to seal in first. */
function idsOf(sessions: Uint8Array): string[] {
  return sessionsCodec.decode(sessions).map(({ id }) => Buffer.from(id).toString('hex'))
}
