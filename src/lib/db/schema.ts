import { Dexie, type EntityTable, type Table } from 'dexie'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Place } from '../protocol/place.ts'
import type { RowCipher } from './row-cipher.ts'
import { sealedTables } from './sealed-tables.ts'

/** The only key of tables that hold one row. */
export type OnlyKey = 'me'

/** What my identity is made from. The two seeds are the secrets of this device. */
export interface IdentityRow {
  key: OnlyKey
  ed25519Seed: Uint8Array<ArrayBuffer>
  mlDsaSeed: Uint8Array<ArrayBuffer>
  keyCommitment: Uint8Array<ArrayBuffer>
}

/** This installation of the identity. A backup brought back elsewhere is another one. */
export interface DeviceRow {
  key: OnlyKey
  /** 16 random bytes. */
  id: Uint8Array<ArrayBuffer>
  /** Higher than that of every installation before: see `newDevice`. */
  generation: number
  sinceMs: number
  /** Another has taken its place since then: it sends and takes nothing any more. Null while none has. */
  replacedAtMs: number | null
}

/** What a contact's newest installation says of itself. See delivery/devices.ts. */
export interface DevicesRow {
  peer: PeerIdString
  announcement: Uint8Array
}

/** What was done so that nothing is lost with this device. */
export interface SafekeepingRow {
  key: OnlyKey
  /** The person showed that they have the words; null: never. */
  phraseKeptAtMs: number | null
  /** They did not want to be asked for it; null: they were not, or did not say so. */
  declinedAtMs: number | null
  backup: { atMs: number; bytes: number } | null
}

export interface ProfileRow {
  key: OnlyKey
  name: string
  createdAtMs: number
}

/** A person I added, who asked and was accepted, or whom I blocked. */
export interface ContactRow {
  peer: PeerIdString
  name: string
  alias: string | null
  note: string
  /** I have them. False only for a stranger I blocked. */
  added: boolean
  /** They said that they have me. */
  heard: boolean
  blocked: boolean
  /** SHA-256 of their ML-DSA-65 key, from the first card seen or accepted since; null while none was. */
  keyCommitment: Uint8Array | null
  /** What a later card of theirs names instead: until I accept it nothing is exchanged. Null when there is none. */
  offeredCommitment: Uint8Array | null
  /** The key commitment I compared with them; null when I did not, or another was offered since. */
  verifiedCommitment: Uint8Array | null
  /** Where to look for them first: `host[:port]` or multiaddrs. */
  relays: string[]
  /** When they added me, by their clock; null while they did not say. */
  sinceMs: number | null
  lastSeenAtMs: number | null
  addedAtMs: number
}

/** Somebody who has me and whom I do not have. */
export interface RequestRow {
  peer: PeerIdString
  name: string
  keyCommitment: Uint8Array
  relays: string[]
  /** When they added me, by their clock: a later one asks anew. */
  sinceMs: number
  receivedAtMs: number
  /** Declined or removed: kept out of sight, so that the same request does not come back by itself. */
  dismissed: boolean
}

/**
 * A conversation's flags, and what the list tells about its messages: `last` and `unread` always agree with these,
 * for they are written in the same transactions.
 */
export interface ConversationRow {
  id: PeerIdString
  /** Their name when it was last known, for when they are no contact any more. */
  name: string
  draft: string
  pinned: boolean
  archived: boolean
  /** Quiet until this time, in milliseconds since 1970; null when it is not, or no longer. */
  mute: number | 'forever' | null
  /** The newest message, its text cut; null when there is none. */
  last:
    | (Pick<MessageRow, 'id' | 'clock' | 'sequence' | 'mine' | 'text' | 'sentAtMs' | 'deleted'> & {
        /** Absent when it has none. */
        attachment?: { kind: AttachmentRow['kind']; name: string; durationMs?: number }
        /** Absent when it is of the present chain. */
        chain?: ChainId
      })
    | null
  /** Messages of theirs not read yet. */
  unread: number
  /** How long texts last, in milliseconds, as whoever said so last did; absent while nobody did. */
  disappearing?: Stamp & { afterMs: number }
}

/** The place of a message in the order of its conversation (delivery/envelope.ts). */
export interface Stamp {
  clock: number
  id: MessageId
}

export interface MessageRow {
  id: MessageId
  conversation: PeerIdString
  chain: ChainId
  sequence: number
  clock: number
  mine: boolean
  text: string
  sentAtMs: number
  receivedAtMs: number
  /** Theirs and not read yet; absent otherwise, so that the index holds only these. */
  unread?: 1
  /** The file that goes with it, and the id of the content that holds that; both absent when it has none. */
  attachment?: AttachmentRow
  content?: string
  /** The message it answers. */
  reply?: MessageId
  forwarded?: true
  /** The message that changed it last, and when by the sender's clock. `text` is what it says since. */
  edit?: Stamp & { chain: ChainId; sequence: number; atMs: number }
  /** Taken back by who wrote it: `text` is empty. */
  deleted?: true
  /** Each side's last word on it; its emoji is null when that took it away. */
  reactions?: { mine?: ReactionRow; theirs?: ReactionRow }
  /** How long it lasts after it was sent, or read, in milliseconds; absent: for ever. */
  disappearAfterMs?: number
  /** When it goes; absent while that does not count down. */
  disappearsAtMs?: number
  /** No text, but the word that texts last so long from here on, in milliseconds; 0: for ever. */
  announcedMs?: number
}

/** A file as its sender describes it. See features/chat/protocol.ts. */
export type AttachmentRow = {
  /** What opens the content. Secret. */
  key: Uint8Array
  name: string
  mediaType: string
  bytes: number
} & (
  | { kind: 'file' }
  | { kind: 'picture'; width: number; height: number; thumbnail: Uint8Array }
  | { kind: 'voice'; durationMs: number; waveform: Uint8Array }
)

export interface ReactionRow extends Stamp {
  emoji: string | null
}

/**
 * Which of somebody's notes one is: of an installation, by its generation, and how many there were before. In this order,
 * later ones are higher.
 */
export type NoteNumber = [generation: number, count: number]

/** Where both chains of a conversation stand. See delivery/chain.ts. */
export interface ChainsRow {
  peer: PeerIdString
  /** Highest Lamport clock known in this conversation. */
  clock: number
  mine: {
    chain: ChainId
    sequence: number
    head: MessageId | null
    /** As many relays as were wanted keep everything up to here for them, or they hold it. */
    stored: number
    /** They hold everything up to here durably. */
    received: number
    /** They read everything up to here. */
    read: number
    /** They hold no more than this since they restored a backup; absent while that is as much as they said they hold. */
    held?: number
  }
  theirs: {
    chain: ChainId
    sequence: number
    head: MessageId | null
    clock: number
    /** Of the last message, by their clock; absent in rows of before this was kept. */
    sentAtMs?: number
    /** I read everything up to here. */
    read: number
  } | null
  /** Chains of theirs before the present one, newest last. */
  past: ChainId[]
  /** Chains of mine before the present one and how far they came, newest last: see delivery/renew.ts. */
  ended: { chain: ChainId; received: number; read: number }[]
  /** Of the notes that say so, too (delivery/content.ts); absent before there was one, and in rows of before this was kept. */
  notes?: {
    /** How many I have numbered. */
    said: number
    /** The latest of theirs; absent while none had a number. */
    heard?: NoteNumber
    /** The first of mine since their keys did not open here; absent once they have sealed anew for it. */
    lost?: NoteNumber
    /** The latest of theirs for which I have sealed anew; absent while there was none. */
    anew?: NoteNumber
  }
}

/** A message of mine as it goes over the wire, kept so that it can be sent again byte for byte. */
export interface OutboxRow {
  peer: PeerIdString
  chain: ChainId
  sequence: number
  id: MessageId
  /** The caller's name for the wish to send: the same one is the same message. */
  intent: string
  envelope: Uint8Array
  /** Null until there are keys to seal it with, and again when those it was sealed with were lost over there. */
  sealed: Uint8Array | null
  /** The relays that keep it for them, and when each said so. */
  receipts: Receipt[]
  /** What it says is to be erased once they hold it; absent otherwise, so that the index holds only these. */
  erase?: 1
}

/** A relay's promise to keep something. */
export interface Receipt {
  /** Its `host[:port]`. */
  relay: string
  /** Relays that keep mailboxes together tell the same. */
  store: string
  /** By its clock. */
  atMs: number
}

/** What a mailbox of theirs is to be told besides messages; the newest of its type. See delivery/content.ts. */
export interface OwedRow {
  peer: PeerIdString
  type: 'status' | 'hello'
  /** Their keys did not open here: a status then begins a session. */
  lost: boolean
  /** As it goes over the wire, kept so that it can be sent again byte for byte; null until it is sealed. */
  sealed: Uint8Array | null
  receipts: Receipt[]
}

/** A sealed item that was opened: when it comes again it is known. */
export interface OpenedRow {
  mark: string
  atMs: number
}

/** Where a peer can be written to while it sleeps. See protocol/place.ts. */
export interface PlaceRow {
  peer: PeerIdString
  place: Place
}

/** A relay that keeps mailboxes of mine, or did. */
export interface MailboxRelayRow {
  /** As relays are named in cards. */
  address: string
  /** Its public key. */
  key: Uint8Array
  store: string
  sinceMs: number
  /** Nobody is told any more to write there; it is still read for a while. Null while they are. */
  retiredAtMs: number | null
  /** Whether it was caught at losing, changing or bringing back what it was to keep. */
  caught: boolean
  /** The epoch my installation was announced in last; null: in none. */
  announced: number | null
  /** The epoch prekeys were published for last, and when. */
  published: { epoch: number; atMs: number } | null
  /** An item of my own that must be there: see delivery/mailbox/mailbox-visit.ts. `atMs` by the relay's clock. */
  canary: { mark: string; epoch: number; atMs: number } | null
}

/** Where relays wake this browser when something comes: see delivery/mailbox/wake-ups.ts. */
export interface WakeUpsRow {
  key: OnlyKey
  /** A push subscription, and the key of relays (RFC 8292, base64url) that it is for; null when nobody is to wake it. */
  address: { endpoint: string; key: string } | null
  /** What each relay was told last: for the mailboxes of an epoch and the next. `atMs` by its clock. */
  told: {
    relay: string
    /** Null: to wake no longer. */
    endpoint: string | null
    /** The first epoch it was told any for. */
    since: number
    epoch: number
    atMs: number
    /** It has not answered to all of it yet: it may know where, and may not. */
    unsure?: true
  }[]
}

/** When all of my chain up to a number was first known to have come so far. */
export interface ProgressRow {
  peer: PeerIdString
  chain: ChainId
  state: 'stored' | 'received' | 'read'
  upTo: number
  /** By my clock: when I learned it. */
  atMs: number
}

/** Encryption sessions with a peer. Secret. */
export interface SessionsRow {
  peer: PeerIdString
  /** See crypto/sessions-codec.ts. */
  sessions: Uint8Array
}

/** What others need to begin a session with me: the secret half of it. */
export interface PrekeysRow {
  key: OnlyKey
  /** See crypto/prekeys.ts. */
  prekeys: Uint8Array
}

/** A message of theirs whose predecessor is missing. */
export interface EarlyRow {
  peer: PeerIdString
  chain: ChainId
  sequence: number
  id: MessageId
  /** The opened envelope, canonical. */
  envelope: Uint8Array
  receivedAtMs: number
}

/** A relay or bootstrap peer (the seed's `bootstrap_peers`). */
export interface RelayRow {
  address: string
  peer: PeerIdString | null
  source: 'origin' | 'person' | 'learned'
  latencyMs: number | null
  lastConnectedAtMs: number | null
  addedAtMs: number
  /** The person took it out: it does not come back by itself. */
  removed: boolean
  /** The person wants it before others. */
  preferred?: boolean
}

/** How a network let one way to a relay through. See p2p/ways/tally.ts. */
export interface WayTally {
  /** `host[:port]`. */
  relay: string
  way: 'websocket' | 'http' | 'webtransport'
  /** Tries, and those that came through: each weighs less, the more came after it. */
  tries: number
  through: number
  /** How long it takes to open; null: never seen. */
  openMs: number | null
  /** The last try. */
  atMs: number
  /** The last try did not come through, or broke soon, where another did; absent otherwise. */
  blocked?: true
  /** Over HTTP: what went last; absent where that is not known. */
  mode?: 'ws' | 'binary' | 'sse' | 'longpoll'
  /** WebTransport: where the relay said that it has it, with its peer id. */
  addresses?: string[]
  /**
   * Pings over connections in use, and those answered late or never, each weighing less the more came after it; absent until
   * one was, and in rows of before. See p2p/ways/measured.ts.
   */
  pings?: { count: number; late: number; atMs: number }
  /** The most that such a connection carried for a while, smoothed; absent until one carried much, and in rows of before. */
  carried?: { bytesPerSecond: number; atMs: number }
}

/** A network this device was on, by the address that relays saw. */
export interface NetworkRow {
  /** The first part of the address, as much as is one network's: see `networkOf`. */
  id: string
  seenAtMs: number
  ways: WayTally[]
}

/** Where a peer said last that it can be reached: its newest signed record, sealed as it came. */
export interface PeerRecordRow {
  peer: PeerIdString
  record: Uint8Array
}

export interface SettingsRow {
  key: OnlyKey
  language: 'en' | 'ru' | null
  theme: 'system' | 'light' | 'dark'
  /** Whether others are told what I have read, and I what they have. */
  readReceipts: boolean
  notifications: 'off' | 'name' | 'text'
  /** Absent in rows of before there were files. */
  files?: {
    downBytesPerSecond: number | null
    upBytesPerSecond: number | null
    spareBytes: number | null
  }
  /** Absent until the person chose. */
  autoGet?: { when: 'always' | 'unmetered' | 'never'; upToBytes: number }
  /** Absent until the person was asked whether relays may keep copies. */
  copiesAgreed?: boolean
  /** As of before they were asked: `true` was written beside any other choice, so only `false` was chosen. */
  copiesForAway?: boolean
  /** Absent until the person chose. */
  passOn?: boolean
  /** Absent until the person chose. */
  relayOnly?: boolean
}

/** Something that is shared or got. See features/transfers. */
export interface TransferRow {
  /** 16 random bytes, base64url. */
  id: string
  /** It goes with something else, such as a message; absent when it is a transfer of its own. */
  enclosed?: true
  role: 'sharing' | 'getting'
  /** Where its parts lie on this device (content/store/part-store.ts). */
  shelf: string
  /** The id of the content; null while it is read. */
  content: string | null
  /** What opens it. Secret. */
  key: Uint8Array<ArrayBuffer>
  /** What a password opens it with, as it stands in the link; null when the link alone does. */
  lock: {
    stretching: { salt: Uint8Array; memoryKiB: number; passes: number; lanes: number }
    nonce: Uint8Array
    sealed: Uint8Array
  } | null
  /** Who has it as the link says, first who shared it, and their relays; null when I share it. */
  from: { peers: PeerIdString[]; relays: string[] } | null
  /** What it is called and how much it is; null while that is not known. */
  name: string | null
  files: number | null
  bytes: number | null
  addedAtMs: number
  completeAtMs: number | null
  /** Nothing of what I get comes, nothing of what I share is given. */
  paused: boolean
  /** The person wants it, however large it is; of what I share that is always so. */
  agreed: boolean
  /** Whether others are given what I got; null: as the settings say. */
  passOn: boolean | null
  /** Why it came to its end; null while it has not. */
  problem:
    'revoked' | 'expired' | 'limit-reached' | 'storage-full' | 'unreadable' | 'damaged' | null
  /** As the person chose who shares it. */
  expiresAtMs: number | null
  downloadLimit: number | null
  /** Who was let in to get it, as many as `downloadLimit` allows; nobody without one. */
  takers: PeerIdString[]
  /** Who has all of what I share, as far as is known; relays left out, and who came after too many others. */
  servedTo: PeerIdString[]
  /** Given to others, over all time. */
  givenBytes: number
  /** Its chunks are kept as they are, not as what travels (content/store/sealing-part-store.ts). */
  plain: boolean
  /** The person wants it to stay, also when it was saved elsewhere. */
  kept: boolean
  /** When the person saved it elsewhere: from then on it is here to be given on only. Null: never. */
  savedAtMs: number | null
  /** When it was read or given last. */
  usedAtMs: number
  /** It was here, and went to make room. */
  freed: boolean
  /** What is to be got comes in this order, lowest first. */
  rank: number
  /** A relay keeps a copy until then; null: none. */
  copyUntilMs: number | null
  /** Who was sent it and has not got it yet, and when the last of them was; null when nobody is waited for. */
  awaited: { by: PeerIdString[]; sinceMs: number } | null
}

/** How somebody did as a source of contents. See content/exchange/reputation.ts. */
export interface SourceRow {
  peer: PeerIdString
  bytes: number
  bytesPerSecond: number
  failures: number
  ban: {
    content: string
    part: { kind: 'manifest' | 'list' | 'leaf'; index: number }
    gave?: Uint8Array<ArrayBuffer>
  } | null
  heardAtMs: number
}

/** What came and went on one day. See features/transfers/totals.ts. */
export interface TotalsRow {
  /** `2026-01-31` */
  day: string
  /** Bytes. */
  down: number
  up: number
}

/** Name of the database in the browser. Until 0.1 it was `starling`: see earlier.ts. */
export const DATABASE_NAME = 'starling-2'

/** Name of the other database, of the parts of contents: see content/store/dexie-part-store.ts. */
export const PARTS_DATABASE_NAME = 'starling-parts'

/**
 * Everything this origin remembers, encrypted. Only the node host opens it.
 *
 * Each transaction is `strict`: once it has resolved, its rows are on the disk and outlive a power cut. Chromium
 * would otherwise commit `relaxed`. A released version's stores never change; a change is the next version.
 */
export class StarlingDatabase extends Dexie {
  declare readonly identity: EntityTable<IdentityRow, 'key'>
  declare readonly device: EntityTable<DeviceRow, 'key'>
  declare readonly safekeeping: EntityTable<SafekeepingRow, 'key'>
  declare readonly profile: EntityTable<ProfileRow, 'key'>
  declare readonly contacts: EntityTable<ContactRow, 'peer'>
  declare readonly requests: EntityTable<RequestRow, 'peer'>
  declare readonly conversations: EntityTable<ConversationRow, 'id'>
  declare readonly messages: EntityTable<MessageRow, 'id'>
  declare readonly chains: EntityTable<ChainsRow, 'peer'>
  declare readonly outbox: Table<OutboxRow, [PeerIdString, ChainId, number]>
  declare readonly progress: Table<
    ProgressRow,
    [PeerIdString, ChainId, ProgressRow['state'], number]
  >
  declare readonly early: Table<EarlyRow, [PeerIdString, ChainId, number]>
  declare readonly sessions: EntityTable<SessionsRow, 'peer'>
  declare readonly prekeys: EntityTable<PrekeysRow, 'key'>
  declare readonly opened: EntityTable<OpenedRow, 'mark'>
  declare readonly owed: Table<OwedRow, [PeerIdString, OwedRow['type']]>
  declare readonly devices: EntityTable<DevicesRow, 'peer'>
  declare readonly places: EntityTable<PlaceRow, 'peer'>
  declare readonly mailboxRelays: EntityTable<MailboxRelayRow, 'address'>
  declare readonly wakeUps: EntityTable<WakeUpsRow, 'key'>
  declare readonly relays: EntityTable<RelayRow, 'address'>
  declare readonly networks: EntityTable<NetworkRow, 'id'>
  declare readonly peerRecords: EntityTable<PeerRecordRow, 'peer'>
  declare readonly settings: EntityTable<SettingsRow, 'key'>
  declare readonly transfers: EntityTable<TransferRow, 'id'>
  declare readonly sources: EntityTable<SourceRow, 'peer'>
  declare readonly totals: EntityTable<TotalsRow, 'day'>

  /** @param cipher keeps the rows unreadable for whoever has the disk */
  constructor(cipher: RowCipher, name: string = DATABASE_NAME) {
    super(name, { chromeTransactionDurability: 'strict' })
    this.use(sealedTables(cipher))
    this.version(1).stores({
      identity: 'key',
      device: 'key',
      safekeeping: 'key',
      profile: 'key',
      contacts: 'peer',
      requests: 'peer, receivedAtMs',
      conversations: 'id',
      messages:
        'id, [conversation+clock+id], [conversation+unread+clock+id], [sentAtMs+id], disappearsAtMs',
      chains: 'peer',
      outbox: '[peer+chain+sequence], &[peer+intent], [peer+erase+sequence]',
      progress: '[peer+chain+state+upTo]',
      early: '[peer+chain+sequence]',
      sessions: 'peer',
      prekeys: 'key',
      opened: 'mark, atMs',
      owed: '[peer+type]',
      devices: 'peer',
      places: 'peer',
      mailboxRelays: 'address',
      relays: 'address',
      peerRecords: 'peer',
      settings: 'key',
    })
    this.version(2).stores({ wakeUps: 'key' })
    this.version(3).stores({ transfers: 'id' })
    this.version(4).stores({ sources: 'peer' })
    this.version(5).stores({
      messages:
        'id, [conversation+clock+id], [conversation+unread+clock+id], [sentAtMs+id], disappearsAtMs, content',
    })
    this.version(6).stores({ totals: 'day' })
    this.version(7).stores({ networks: 'id' })
  }
}
