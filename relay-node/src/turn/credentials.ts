import { createHmac } from 'node:crypto'
import type { Clock } from '#lib/protocol/seams.ts'
import { TURN_CREDENTIAL_LIFE_MS, TURN_HANDLE_LIFE_MS } from '../limits.ts'

export interface TurnCredentialsComponents {
  clock: Pick<Clock, 'now'>
  random: { bytes(count: number): Uint8Array }
}

export interface TurnCredential {
  username: string
  password: string
  lifeMs: number
}

/**
 * Names and passwords that the TURN server proves by itself, with a secret it shares with the relay:
 * https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00. The secret is new at every start.
 */
export class TurnCredentials {
  readonly secret: string
  readonly #components: TurnCredentialsComponents
  #handleKey: Uint8Array = new Uint8Array()
  #handlesUntilMs = -Infinity

  constructor(components: TurnCredentialsComponents) {
    this.#components = components
    this.secret = Buffer.from(components.random.bytes(32)).toString('hex')
  }

  /** The same handle for an hour, so that quotas hold for a peer; it cannot be told whose it is, nor whose it was before. */
  for(peer: string): TurnCredential {
    const nowMs = this.#components.clock.now()
    if (nowMs >= this.#handlesUntilMs) {
      this.#handleKey = this.#components.random.bytes(32)
      this.#handlesUntilMs = nowMs + TURN_HANDLE_LIFE_MS
    }
    const handle = createHmac('sha256', this.#handleKey).update(peer).digest('hex').slice(0, 24)
    const expiry = Math.floor((nowMs + TURN_CREDENTIAL_LIFE_MS) / 1_000)
    const username = `${expiry}:${handle}`
    return {
      username,
      password: turnPassword(this.secret, username),
      lifeMs: TURN_CREDENTIAL_LIFE_MS,
    }
  }
}

/** What goes with a name. SHA-1 is what the scheme asks for; as an HMAC it still holds. */
export function turnPassword(secret: string, username: string): string {
  return createHmac('sha1', secret).update(username).digest('base64')
}
