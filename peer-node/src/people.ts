import type { Contact, ContactsApi } from '#lib/features/contacts/api.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import type { Event } from './protocol.ts'

export interface PeopleComponents {
  contacts: Pick<ContactsApi, 'watchContacts' | 'watchRequests' | 'accept'>
  tell: (event: Event) => void
}

export interface PeopleInit {
  /** Whoever asks becomes a contact. */
  acceptAll: boolean
}

/** Tells who asks and who the contacts are, and what changes of that. */
export class People {
  readonly #components: PeopleComponents
  readonly #init: PeopleInit

  constructor(components: PeopleComponents, init: PeopleInit) {
    this.#components = components
    this.#init = init
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#followContacts(signal), this.#followRequests(signal)])
  }

  async #followContacts(signal: AbortSignal): Promise<void> {
    const { contacts, tell } = this.#components
    let told = new Map<PeerIdString, string>()
    for await (const list of contacts.watchContacts({ signal })) {
      const now = new Map(list.map((contact) => [contact.peer, JSON.stringify(shown(contact))]))
      for (const contact of list) {
        if (now.get(contact.peer) !== told.get(contact.peer)) tell(shown(contact))
      }
      told = now
    }
  }

  async #followRequests(signal: AbortSignal): Promise<void> {
    const { contacts, tell } = this.#components
    let told = new Set<PeerIdString>()
    for await (const list of contacts.watchRequests({ signal })) {
      for (const { peer, name } of list) {
        if (told.has(peer)) continue
        tell({ type: 'request', peer, name })
        if (this.#init.acceptAll) await this.#accept(peer)
      }
      told = new Set(list.map(({ peer }) => peer))
    }
  }

  async #accept(peer: PeerIdString): Promise<void> {
    const { contacts, tell } = this.#components
    try {
      await contacts.accept(peer)
    } catch (error) {
      // Such as a request that was taken back meanwhile.
      if (!(error instanceof StarlingError)) throw error
      tell({ type: 'error', name: error.name, message: error.message })
    }
  }
}

function shown({ peer, name, state, path }: Contact): Event {
  return { type: 'contact', peer, name, state, path }
}
