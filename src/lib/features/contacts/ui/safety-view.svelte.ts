import type { PeerIdString } from '../../../protocol/ids.ts'
import type { ContactsApi, Safety } from '../api.ts'

/** What came of the last comparison: `moved` when the key changed meanwhile. */
export type Comparison = 'none' | 'different' | 'not-a-code' | 'moved' | 'failed'

/** Comparing keys with one contact. */
export class SafetyView {
  /** undefined while it is on its way; null when no key of theirs is known. */
  safety = $state.raw<Safety | null | undefined>(undefined)
  failed = $state.raw(false)
  comparison = $state.raw<Comparison>('none')
  busy = $state.raw(false)

  readonly #contacts: Pick<ContactsApi, 'safety' | 'verify' | 'unverify'>
  readonly #peer: PeerIdString

  constructor(contacts: Pick<ContactsApi, 'safety' | 'verify' | 'unverify'>, peer: PeerIdString) {
    this.#contacts = contacts
    this.#peer = peer
  }

  async load(): Promise<void> {
    try {
      this.safety = await this.#contacts.safety(this.#peer)
      this.failed = false
    } catch {
      this.failed = true
    }
  }

  /** The person says that the words are the same. */
  async same(): Promise<void> {
    if (this.safety == null) return
    await this.#verify(this.safety.code, 'moved')
  }

  /** The person says that they are not. */
  differ(): void {
    this.comparison = 'different'
  }

  /** What was read off the other's screen. */
  async scanned(code: string): Promise<void> {
    await this.#verify(code, 'different')
  }

  begin(): void {
    this.comparison = 'none'
  }

  async unverify(): Promise<void> {
    try {
      await this.#contacts.unverify(this.#peer)
      this.comparison = 'none'
    } catch {
      this.comparison = 'failed'
    }
  }

  async #verify(code: string, otherwise: 'moved' | 'different'): Promise<void> {
    this.busy = true
    this.comparison = 'none'
    try {
      await this.#contacts.verify(this.#peer, code)
    } catch (error) {
      const name = error instanceof Error ? error.name : ''
      if (name === 'DifferentKeysError') this.comparison = otherwise
      else if (name === 'NotASafetyCodeError') this.comparison = 'not-a-code'
      else this.comparison = 'failed'
      await this.load()
    } finally {
      this.busy = false
    }
  }
}
