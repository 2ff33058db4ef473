import type { Contact } from '../../contacts/api.ts'
import type { NetworkState } from '../../network/api.ts'

/** What keeps a message from arriving at once, or null: they have to accept, I am not connected, or they are not. */
export type Standing = 'waiting' | 'connecting' | 'disconnected' | 'offline' | null

/**
 * How it stands between me and a contact. Nobody is said to be offline while it is I who am.
 *
 * @param network undefined until it was told
 * @param settled whether connections have had the time to come up since the page was loaded
 */
export function standing(
  contact: Pick<Contact, 'state' | 'path'> | null,
  network: NetworkState | undefined,
  settled: boolean,
): Standing {
  if (contact?.state === 'waiting') return 'waiting'
  if (contact?.state !== 'mutual' || contact.path !== 'offline') return null
  if (network === undefined || network === 'starting') return 'connecting'
  if (network !== 'online') return 'disconnected'
  return settled ? 'offline' : 'connecting'
}
