import { CannotOpenError } from '#lib/crypto/errors.ts'
import { MAX_SESSIONS } from '#lib/crypto/sessions.ts'
import { sessionsCodec } from '#lib/crypto/sessions-codec.ts'
import { RatchetSealer, type RatchetSealerComponents } from '#lib/delivery/ratchet-sealer.ts'
import { markOf, type KeyStep } from '#lib/delivery/seams.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'

/** The session each thing was sealed in that was not opened yet, by its mark. */
export type SealedIn = Map<string, string>

export interface WatchedSealerInit {
  /** Of everybody. */
  sealedIn: SealedIn
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
      const [session] = idsOf(result.step.sessions)
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
      return opened
    } catch (error) {
      if (!(error instanceof CannotOpenError)) throw error
      const session = this.#init.sealedIn.get(mark)
      const held = await this.#sessions.sessions(peer)
      if (session !== undefined && held !== null && idsOf(held).includes(session)) {
        this.#init.fail('what was sealed in a session that is held does not open')
      }
      if (held !== null && idsOf(held).length === MAX_SESSIONS) this.#init.onFull()
      throw error
    }
  }
}

/** The one to seal in first. */
function idsOf(sessions: Uint8Array): string[] {
  return sessionsCodec.decode(sessions).map(({ id }) => Buffer.from(id).toString('hex'))
}
