import type { Clock } from '../../protocol/seams.ts'
import type { Invitation, InvitationsApi } from './api.ts'
import { parseCode } from './code.ts'

/** Reads a code before there is anybody here whom it could be about: needs neither identity nor database. */
export class InvitationsService implements InvitationsApi {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async read(text: string): Promise<Invitation> {
    const code = await parseCode(text, this.#clock.now())
    return { peer: code.peer, name: code.type === 'card' ? code.name : null }
  }
}
