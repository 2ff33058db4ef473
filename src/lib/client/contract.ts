import type { ChatApi } from '../features/chat/api.ts'
import type { ContactsApi } from '../features/contacts/api.ts'
import type { NetworkApi } from '../features/network/api.ts'
import type { ProfileApi } from '../features/profile/api.ts'
import type { SettingsApi } from '../features/settings/api.ts'

/** Everything a tab may ask of the node host, a component a key. */
export interface NodeApi {
  profile: ProfileApi
  contacts: ContactsApi
  chat: ChatApi
  network: NetworkApi
  settings: SettingsApi
}

/** Raised with every change of `NodeApi` or of the port's messages; a tab of another version reloads. */
export const CONTRACT_VERSION = 1
