import type { StarlingDatabase } from '../../db/schema.ts'
import type { Clock, Loggers } from '../../protocol/seams.ts'
import { InvitationsService } from './invitations.ts'
import { ContactsService, type ContactsComponents } from './service.ts'
import { DexieContactsStore } from './store.ts'

export interface ContactsSliceComponents extends Omit<ContactsComponents, 'store' | 'logger'> {
  db: StarlingDatabase
  loggers: Loggers
}

/**
 * Contacts. Needs the identity, so it is made once there is one, and started before the node so that blocked peers
 * are refused from the first connection on. `history` is the chat slice, which itself needs this one: hand over
 * functions that call it.
 */
export function contacts(): (components: ContactsSliceComponents) => ContactsService {
  return ({ db, loggers, ...rest }) =>
    new ContactsService({ ...rest, store: new DexieContactsStore(db), logger: loggers('contacts') })
}

/** What can be said about a code before there is an identity. */
export function invitations(): (components: { clock: Clock }) => InvitationsService {
  return ({ clock }) => new InvitationsService(clock)
}
