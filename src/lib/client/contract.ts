import type { BackupApi } from '../features/backup/api.ts'
import type { ChatApi } from '../features/chat/api.ts'
import type { ContactsApi, InvitationsApi } from '../features/contacts/api.ts'
import type { NetworkApi } from '../features/network/api.ts'
import type { NotificationsApi, WakeUpsApi } from '../features/notifications/api.ts'
import type { ProfileApi } from '../features/profile/api.ts'
import type { SettingsApi } from '../features/settings/api.ts'
import type { TransfersApi } from '../features/transfers/api.ts'
import type { VaultApi } from '../features/vault/api.ts'
import type { MethodTable } from '../rpc/methods.ts'

/** Everything a tab may ask of the node host, a component a key. */
export interface NodeApi {
  vault: VaultApi
  profile: ProfileApi
  invitations: InvitationsApi
  contacts: ContactsApi
  chat: ChatApi
  transfers: TransfersApi
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
    setLockAfter: 'idempotent',
    lock: 'call',
    used: 'idempotent',
    watchPartingKey: 'watch',
    erase: 'call',
  },
  profile: { watchProfile: 'watch', create: 'call', rename: 'idempotent' },
  invitations: { read: 'call' },
  contacts: {
    watchContacts: 'watch',
    watchRequests: 'watch',
    watchMyCode: 'watch',
    watchNearby: 'watch',
    preview: 'idempotent',
    safety: 'idempotent',
    verify: 'idempotent',
    unverify: 'idempotent',
    acceptKey: 'call',
    add: 'call',
    accept: 'call',
    decline: 'call',
    undoDecline: 'call',
    block: 'idempotent',
    unblock: 'idempotent',
    remove: 'call',
    setAlias: 'idempotent',
    setNote: 'idempotent',
  },
  chat: {
    watchConversations: 'watch',
    watchTimeline: 'watch',
    send: 'idempotent',
    sendFile: 'idempotent',
    forward: 'idempotent',
    watchPreparing: 'watch',
    watchAttachment: 'watch',
    getAttachment: 'idempotent',
    pauseAttachment: 'idempotent',
    readAttachment: 'stream',
    edit: 'idempotent',
    deleteForBoth: 'idempotent',
    deleteForMe: 'idempotent',
    react: 'idempotent',
    setDisappearing: 'idempotent',
    watchProgress: 'watch',
    setTyping: 'call',
    watchTyping: 'watch',
    markRead: 'idempotent',
    saveDraft: 'idempotent',
    setPinned: 'idempotent',
    setArchived: 'idempotent',
    mute: 'call',
    search: 'idempotent',
  },
  transfers: {
    watchTransfers: 'watch',
    watchTransfer: 'watch',
    share: 'call',
    get: 'idempotent',
    pause: 'idempotent',
    resume: 'idempotent',
    remove: 'idempotent',
    move: 'call',
    saved: 'idempotent',
    keep: 'idempotent',
    watchRoom: 'watch',
    watchTotals: 'watch',
    watchBanned: 'watch',
    askAgain: 'idempotent',
    free: 'idempotent',
    revoke: 'idempotent',
    keepCopy: 'idempotent',
    passOn: 'idempotent',
    read: 'stream',
  },
  network: {
    watchSelf: 'watch',
    watchConnections: 'watch',
    watchRelays: 'watch',
    addRelay: 'call',
    removeRelay: 'call',
    preferRelay: 'idempotent',
    testRelay: 'call',
    tryWays: 'stream',
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
    setLanguage: 'idempotent',
    setTheme: 'idempotent',
    setReadReceipts: 'idempotent',
    setNotifications: 'idempotent',
    setFiles: 'idempotent',
    setAutoGet: 'idempotent',
    setCopiesForAway: 'idempotent',
    setPassOn: 'idempotent',
    setRelayOnly: 'idempotent',
    storage: 'idempotent',
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
