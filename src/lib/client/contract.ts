import type { BackupApi } from '../features/backup/api.ts'
import type { ChatApi } from '../features/chat/api.ts'
import type { ContactsApi, InvitationsApi } from '../features/contacts/api.ts'
import type { NetworkApi } from '../features/network/api.ts'
import type { NotificationsApi, WakeUpsApi } from '../features/notifications/api.ts'
import type { ProfileApi } from '../features/profile/api.ts'
import type { SettingsApi } from '../features/settings/api.ts'
import type { VaultApi } from '../features/vault/api.ts'
import type { MethodTable } from '../rpc/methods.ts'

/** Everything a tab may ask of the node host, a component a key. */
export interface NodeApi {
  vault: VaultApi
  profile: ProfileApi
  invitations: InvitationsApi
  contacts: ContactsApi
  chat: ChatApi
  network: NetworkApi
  notifications: NotificationsApi
  wakeUps: WakeUpsApi
  settings: SettingsApi
  backup: BackupApi
}

/** Raised with every change of `NodeApi` or of the port's messages; a tab of another version reloads. */
export const CONTRACT_VERSION = 1

/** Every method of `NodeApi` and how it crosses the port. */
export const NODE_METHODS: MethodTable<NodeApi> = {
  vault: {
    watchVault: 'watch',
    unlock: 'call',
    setPassphrase: 'call',
    removePassphrase: 'call',
    setLockAfter: 'call',
    lock: 'call',
    used: 'call',
    watchPartingKey: 'watch',
    erase: 'call',
  },
  profile: { watchProfile: 'watch', create: 'call', rename: 'call' },
  invitations: { read: 'call' },
  contacts: {
    watchContacts: 'watch',
    watchRequests: 'watch',
    watchMyCode: 'watch',
    preview: 'call',
    safety: 'call',
    verify: 'call',
    unverify: 'call',
    acceptKey: 'call',
    add: 'call',
    accept: 'call',
    decline: 'call',
    undoDecline: 'call',
    block: 'call',
    unblock: 'call',
    remove: 'call',
    setAlias: 'call',
    setNote: 'call',
  },
  chat: {
    watchConversations: 'watch',
    watchTimeline: 'watch',
    send: 'call',
    edit: 'call',
    deleteForBoth: 'call',
    deleteForMe: 'call',
    react: 'call',
    setDisappearing: 'call',
    watchProgress: 'watch',
    setTyping: 'call',
    watchTyping: 'watch',
    markRead: 'call',
    saveDraft: 'call',
    setPinned: 'call',
    setArchived: 'call',
    mute: 'call',
    search: 'call',
  },
  network: {
    watchSelf: 'watch',
    watchConnections: 'watch',
    watchRelays: 'watch',
    addRelay: 'call',
    removeRelay: 'call',
    testRelay: 'call',
    watchLog: 'watch',
    wake: 'call',
    rest: 'call',
  },
  notifications: { notices: 'stream' },
  wakeUps: {
    watchWakeUps: 'watch',
    wakeAt: 'call',
    moveTo: 'call',
    letSleep: 'call',
    woken: 'call',
  },
  settings: {
    watchSettings: 'watch',
    setLanguage: 'call',
    setTheme: 'call',
    setReadReceipts: 'call',
    setNotifications: 'call',
    storage: 'call',
  },
  backup: {
    watchInstallation: 'watch',
    watchSafekeeping: 'watch',
    phrase: 'call',
    phraseKept: 'call',
    declineOffer: 'call',
    checkPhrase: 'call',
    oneTimePassword: 'call',
    estimate: 'call',
    write: 'stream',
    written: 'call',
    read: 'call',
    restore: 'call',
    restoreIdentity: 'call',
  },
}
