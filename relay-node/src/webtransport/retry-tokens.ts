import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { RETRY_TOKEN_LIFE_MS } from '../limits.ts'

const MAC_BYTES = 32
const TIME_BYTES = 6
const SECRET_BYTES = 32

/** Longest connection id: https://www.rfc-editor.org/rfc/rfc9000#section-17.2 */
const MAX_ID_BYTES = 20

/** Who sent a packet, and the ids that go with the answer. */
export interface Sender {
  address: string
  port: number
  /** The id this end has chosen for the connection. */
  id: Uint8Array
}

/**
 * Tokens that show that a client gets what is sent to its address, so that nobody has this end answer, or work, for an
 * address that is not theirs (https://www.rfc-editor.org/rfc/rfc9000#section-8.1.2). Nothing is kept of those that were given.
 *
 * A token is when it was made (6 bytes, ms), the id that the client chose first, and an HMAC-SHA-256 of these and the sender.
 */
export class RetryTokens {
  readonly #clock: Pick<Clock, 'now'>
  readonly #secret: Uint8Array

  constructor({ clock, random }: { clock: Pick<Clock, 'now'>; random: Pick<Random, 'bytes'> }) {
    this.#clock = clock
    this.#secret = random.bytes(SECRET_BYTES)
  }

  make(sender: Sender, firstId: Uint8Array): Buffer {
    const time = Buffer.alloc(TIME_BYTES)
    time.writeUIntBE(this.#clock.now(), 0, TIME_BYTES)
    const said = Buffer.concat([time, firstId])
    return Buffer.concat([said, this.#mac(sender, said)])
  }

  /** The id that the client chose first; null when the token is none of this end's, another's, or too old. */
  firstIdOf(token: Uint8Array, sender: Sender): Buffer | null {
    const idBytes = token.byteLength - TIME_BYTES - MAC_BYTES
    if (idBytes < 0 || idBytes > MAX_ID_BYTES) return null
    const said = Buffer.from(token.subarray(0, TIME_BYTES + idBytes))
    if (!timingSafeEqual(this.#mac(sender, said), token.subarray(said.byteLength))) return null
    const ageMs = this.#clock.now() - said.readUIntBE(0, TIME_BYTES)
    return ageMs > RETRY_TOKEN_LIFE_MS ? null : said.subarray(TIME_BYTES)
  }

  #mac({ address, port, id }: Sender, said: Uint8Array): Buffer {
    const mac = createHmac('sha256', this.#secret)
    return mac.update(`${address} ${port} `).update(id).update(said).digest()
  }
}
