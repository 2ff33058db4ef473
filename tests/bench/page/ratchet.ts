/** Sealing and opening by the double ratchet, as the bench's two workers do it: the keys they begin with are known. */
import { createKeyPair } from '../../../src/lib/crypto/key-pair.ts'
import {
  beginAsFirst,
  beginAsSecond,
  open,
  seal,
  type RatchetState,
} from '../../../src/lib/crypto/ratchet/ratchet.ts'
import { systemRandom, type Random } from '../../../src/lib/protocol/seams.ts'
import { timeEach } from './time-each.ts'

/** What the two have in common before they ever met. */
const KNOWN: Random = {
  bytes: (count) => new Uint8Array(count).fill(7),
  fraction: () => 0.5,
}
const AGREED = KNOWN.bytes(32)
const PREKEY = createKeyPair(KNOWN)
const ASSOCIATED = KNOWN.bytes(64)

/** Of a message, padded to the smallest class. */
const MESSAGE_BYTES = 256

/** One end of a session. */
export class RatchetEnd {
  #state: RatchetState

  constructor(side: 'first' | 'second') {
    this.#state =
      side === 'first'
        ? beginAsFirst(AGREED, PREKEY.publicKey, systemRandom)
        : beginAsSecond(AGREED, PREKEY)
  }

  seal(plaintext: Uint8Array): Uint8Array {
    const { state, sealed } = seal(this.#state, plaintext, ASSOCIATED, systemRandom)
    this.#state = state
    return sealed
  }

  open(sealed: Uint8Array): Uint8Array {
    const { state, plaintext } = open(this.#state, sealed, ASSOCIATED, systemRandom)
    this.#state = state
    return plaintext
  }
}

/** Milliseconds to seal a message, and to open it: many of one side, one after the other. */
export async function ratchet(messages: number): Promise<{ sealMs: number[]; openMs: number[] }> {
  const [first, second] = [new RatchetEnd('first'), new RatchetEnd('second')]
  const plaintext = systemRandom.bytes(MESSAGE_BYTES)
  const sealed: Uint8Array[] = []
  const sealMs = await timeEach(messages, () => {
    sealed.push(first.seal(plaintext))
    return Promise.resolve()
  })
  let at = 0
  const openMs = await timeEach(messages, () => {
    second.open(sealed[at++]!)
    return Promise.resolve()
  })
  return { sealMs, openMs }
}
