import type { Contact } from '../../contacts/api.ts'
import type { NetworkState } from '../../network/api.ts'

/**
 * What keeps a message from arriving at once, or null: they have to accept, I am not connected, or they are not, and what
 * I wrote may not even have reached a relay of theirs.
 */
export type Standing = 'waiting' | 'connecting' | 'disconnected' | 'offline' | 'unreached' | null

/** What waits here for longer has reached no relay of theirs, ms: where one answers, it takes some three seconds. */
export const UNREACHED_AFTER_MS = 15_000

/**
 * How it stands between me and a contact. Nobody is said to be offline while it is I who am.
 *
 * @param network undefined until it was told
 * @param settled whether connections have had the time to come up since the page was loaded
 * @param stuck whether what I wrote last has waited here for `UNREACHED_AFTER_MS`
 */
export function standing(
  contact: Pick<Contact, 'state' | 'path'> | null,
  network: NetworkState | undefined,
  settled: boolean,
  stuck: boolean,
): Standing {
  if (contact?.state === 'waiting') return 'waiting'
  if (contact?.state !== 'mutual' || contact.path !== 'offline') return null
  if (network === undefined || network === 'starting') return 'connecting'
  if (network !== 'online') return 'disconnected'
  if (!settled) return 'connecting'
  return stuck ? 'unreached' : 'offline'
}
