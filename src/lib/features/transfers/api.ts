import type { CopyState } from '../../content/providers/copies.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { AbortOptions } from '../../rpc/api.ts'

export { FOLDER_TYPE, isFolder } from '../../content/folders.ts'

/** A transfer here, whoever began it: 16 random bytes, base64url. */
export type TransferId = string

/** Largest content of which a relay is asked to keep a copy by itself, in bytes. */
export const MAX_COPIED_BYTES = 25_000_000

/** What a link leads to is got at once up to this size, in bytes; of more the person is asked first. */
export const MAX_UNASKED_BYTES = 100_000_000

/** A file a person chose, and where it lies in what they chose; or an empty folder, as a file of `FOLDER_TYPE` without bytes. */
export interface ChosenFile {
  /** With `/` between folders: `holiday/day 1/beach.jpg`; the bare name when no folder was chosen. */
  path: string
  file: Blob
}

export interface ShareChoices {
  /** What the person says about it; may be empty. */
  description: string
  /** Nobody is given it from this long on; null: no end. */
  expiresAfterMs: number | null
  /** Needed beside the link; null: the link alone opens it. */
  password: string | null
  /** So many people are given it; null: no limit. */
  downloadLimit: number | null
  /** A relay is asked to keep a copy for so long; null: none is. */
  copyForMs: number | null
}

/**
 * Where a transfer stands.
 *
 * What I share is `reading` while it is taken in, then `shared` until it is `ended`, and `paused` while nobody is given
 * anything of it for now. What I get is `looking` while
 * nobody is known who has it, `getting`, `waiting` when all who had it are out of reach, `queued` while others come
 * first, `offered` when the person is asked whether they want so much, `paused` by the person, and `complete` once every byte
 * is here and verified; `freed` when it was, and went to make room. `failed` says why in `problem`.
 */
export type TransferState =
  | 'reading'
  | 'shared'
  | 'ended'
  | 'looking'
  | 'getting'
  | 'waiting'
  | 'queued'
  | 'offered'
  | 'paused'
  | 'complete'
  | 'freed'
  | 'failed'

/** Why a transfer came to its end, or cannot go on before the person does something. */
export type TransferProblem =
  /** The person took the link back. */
  | 'revoked'
  | 'expired'
  /** As many people as it was for have it. */
  | 'limit-reached'
  | 'storage-full'
  /** A file changed or went while it was read. */
  | 'unreadable'
  /** The link leads to something that is not what it promises. */
  | 'damaged'

export interface Transfer {
  id: TransferId
  role: 'sharing' | 'getting'
  /** Of the file, or the folder, or the first of several files; null while it is not known. */
  name: string | null
  /** How many files, empty folders left out; null while it is not known. */
  files: number | null
  /** Of all files; null while it is not known. */
  bytes: number | null
  state: TransferState
  problem: TransferProblem | null
  /** Of what I get: here and verified. Of what I share: taken in. */
  verifiedBytes: number
  /** Given to others, over all time. */
  givenBytes: number
  /** Over the last seconds. */
  bytesPerSecond: { down: number; up: number }
  /** Until all is here, at the present speed; null while it cannot be said. */
  msLeft: number | null
  /** Who has some of it and can be reached now. */
  sources: number
  /** They have given nothing for a while: others come first there, or who shares it has paused it. */
  awaitsTurn: boolean
  /** Who is being given some of it. */
  readers: number
  addedAtMs: number
  /** When all was here; null before. */
  completeAtMs: number | null
  /** Honest devices give it to nobody from then on; null: no end, or none known yet. */
  expiresAtMs: number | null
  hasPassword: boolean
  downloadLimit: number | null
  /** How many people have been let in, counted where their number is limited. */
  takers: number
  /** How many people have all of what I share, as far as is known; up to 256 are counted. */
  served: number
  /** What I get comes in this order, lowest first. */
  rank: number
  /** It stays here, whatever room is needed. Of what I share and of what is nowhere else that is always so. */
  stays: boolean
  /** The person has it elsewhere too, so that they may choose whether it stays. */
  saved: boolean
  /** Others are given what I got, as long as it is here. */
  passedOn: boolean
  /** The copy at a relay that is wanted; null where none is. */
  copy: TransferCopy | null
  /** Who was sent it and has not got it yet, as far as is known. */
  awaitedBy: PeerIdString[]
}

/** What came and went on one day, in bytes. */
export interface DayTotal {
  /** `2026-01-31` */
  day: string
  down: number
  up: number
}

/** What files take on this device. */
export interface Room {
  /** Of what stays. */
  keptBytes: number
  /** Of what may go: it was saved elsewhere, and is here to be given on. */
  spareBytes: number
  /** How much of that there may be; null: no limit. */
  spareLimitBytes: number | null
}

/** One file of a transfer, or an empty folder (`isFolder`). */
export interface TransferFile {
  path: string
  /** What its maker says it is: `image/jpeg`; empty when it was not known. */
  mediaType: string
  bytes: number
}

/** Somebody who has some of it, or is being given some. */
export interface TransferPeer {
  peer: PeerIdString
  /** A contact's name, or the host of a relay; null for others. */
  name: string | null
  /** `kept-copy`: it is a relay that keeps one. */
  path: 'direct' | 'relayed' | 'kept-copy'
  /** How much of all of it it has, whoever gave it, 0 to 1; null of who does not say, such as who gives nothing on. */
  share: number | null
  /** How much of all of it it was given from here, 0 to 1, since this host began. */
  given: number
  /** Until it has all of it, as fast as it comes from everybody; null while that is not known. */
  msLeft: number | null
  bytesPerSecond: { down: number; up: number }
  /** There and back; null until it was measured. */
  latencyMs: number | null
  /** For how long it has given nothing though it was asked; null while it gives, or is asked for nothing. */
  stalledForMs: number | null
  /** It gave something wrong and is asked no more; `watchBanned` has the proof. */
  banned: boolean
}

/** Somebody who is asked for nothing, because a part they gave does not hash to what its content says. */
export interface BannedSource {
  peer: PeerIdString
  /** A contact's name; null for others. */
  name: string | null
  /** `bafyrei…`, whose manifest has the hash there should have been. */
  content: string
  /** The manifest itself, one of its lists of hashes, or a piece of the files; counted from 0 in its kind. */
  part: { kind: 'manifest' | 'list' | 'leaf'; index: number }
  /** SHA-256 of what they gave, 32 bytes; null where an earlier version did not note it. */
  gave: Uint8Array | null
}

/** A copy at a relay, and how it stands (content/providers/copies.ts). */
export interface TransferCopy {
  state: CopyState
  /** `host[:port]` of who has it or gets it. */
  relay: string | null
  untilMs: number
}

/** What is seen of one transfer when it is opened. */
export interface TransferDetails extends Transfer {
  description: string
  /** Who made it, as they signed it; null when they did not say, or it is not known yet. */
  creator: { peer: PeerIdString; name: string } | null
  list: TransferFile[]
  peers: TransferPeer[]
  /** Bytes a second over the last two minutes, step by step, the oldest first. */
  speeds: { down: number[]; up: number[] }
  /** In at most 256 equal parts: how much of each is here, 0 to 1. */
  pieces: number[]
  /** What stands behind `#/get/` in what is passed on; null while it is read. */
  link: string | null
}

export interface TransfersApi {
  watchTransfers(options?: AbortOptions): AsyncIterable<Transfer[]>
  /** Null once there is no such transfer. */
  watchTransfer(id: TransferId, options?: AbortOptions): AsyncIterable<TransferDetails | null>
  /**
   * Takes files in and makes a link for them. Resolves at once: how far it is, `watchTransfers` tells.
   * @throws InvalidDataError for paths that are none, LimitExceededError for too many files, NothingToShareError
   */
  share(files: ChosenFile[], choices: ShareChoices, options?: AbortOptions): Promise<TransferId>
  /**
   * Begins to get what a link leads to, or gives the transfer that has it.
   * @throws MalformedLinkError, PasswordNeededError, WrongPasswordError, StorageFullError
   */
  get(link: string, password: string | null, options?: AbortOptions): Promise<TransferId>
  /** For now nothing of it comes or, of what I share, nothing is given: whoever gets it waits. */
  pause(id: TransferId, options?: AbortOptions): Promise<void>
  /** It goes on, or is tried again; what was offered is wanted. */
  resume(id: TransferId, options?: AbortOptions): Promise<void>
  /** Takes it out, and what of it nobody else needs here. */
  remove(id: TransferId, options?: AbortOptions): Promise<void>
  /** Gets it before the one that comes before it, or after the one behind it. */
  move(id: TransferId, to: 'sooner' | 'later', options?: AbortOptions): Promise<void>
  /** It was saved elsewhere: here it may go when room is needed. */
  saved(id: TransferId, options?: AbortOptions): Promise<void>
  /** Whether it stays here though it was saved elsewhere. */
  keep(id: TransferId, stays: boolean, options?: AbortOptions): Promise<void>
  /** Whether others are given what I got. */
  passOn(id: TransferId, on: boolean, options?: AbortOptions): Promise<void>
  watchRoom(options?: AbortOptions): AsyncIterable<Room>
  /** How much came and went on each of the last 30 days, the oldest first and today last. */
  watchTotals(options?: AbortOptions): AsyncIterable<DayTotal[]>
  /** Who is asked for nothing on this device, by what they gave; who gave it last comes first. At most 1,000. */
  watchBanned(options?: AbortOptions): AsyncIterable<BannedSource[]>
  /** Somebody who gave something wrong is asked again, at once for what is got; nothing happens for who is not banned. */
  askAgain(peer: PeerIdString, options?: AbortOptions): Promise<void>
  /** Gives room back: what is here only to be given on goes. */
  free(options?: AbortOptions): Promise<void>
  /**
   * Has a copy of what I share kept at a relay for so long from now on; null: no longer.
   * @throws UnknownTransferError, InvalidDataError, StorageFullError
   */
  keepCopy(id: TransferId, forMs: number | null, options?: AbortOptions): Promise<void>
  /** Gives it to nobody any more. */
  revoke(id: TransferId, options?: AbortOptions): Promise<void>
  /**
   * The bytes of one file, or of a ZIP archive with all of them when `file` is null, in pieces of at most 1 MiB.
   * @throws UnknownTransferError, NotCompleteError
   */
  read(
    id: TransferId,
    file: number | null,
    options?: AbortOptions,
  ): AsyncIterable<Uint8Array<ArrayBuffer>>
}

/** A content that goes with something else, such as a message: where it is found, and what opens it. */
export interface Enclosed {
  /** `bafyrei…` */
  content: string
  key: Uint8Array
}

/** Somebody who has a content, and the relays where they are met, `host[:port]`: one of them may keep a copy. */
export interface Holder {
  peer: PeerIdString
  relays: readonly string[]
}

export interface EncloseOptions extends AbortOptions {
  /** Called as it is taken in, with how many of its bytes are by then. */
  onRead?: (bytes: number) => void
}

/** What is seen of a content that goes with something else. */
export interface EnclosedTransfer extends Transfer {
  /** As of an opened transfer. */
  peers: TransferPeer[]
}

/** For other features: files that go with something of theirs. They say who has them, and how long they are kept. */
export interface Enclosures {
  /**
   * Takes a file in. Nobody signs what is enclosed: who sent it is known from what it goes with, and to nobody else.
   * @throws StorageFullError, NothingToShareError when it cannot be read
   */
  enclose(file: ChosenFile, options?: EncloseOptions): Promise<Enclosed>
  /** This person was told of it. Until they have it, a relay is asked to keep a copy of what is not too large. */
  sent(content: string, to: PeerIdString): Promise<void>
  /** Begins to get it, or goes on. @param from who has it, as far as is known */
  fetch(enclosed: Enclosed, from: Holder | null): Promise<void>
  pause(content: string): Promise<void>
  /** Null while it is neither here nor got. */
  watch(content: string, options?: AbortOptions): AsyncIterable<EnclosedTransfer | null>
  /** In pieces of at most 1 MiB. @throws NotCompleteError */
  read(content: string, options?: AbortOptions): AsyncIterable<Uint8Array<ArrayBuffer>>
  /** Takes out what nothing is left of that it goes with. */
  dropUnless(wanted: (content: string) => Promise<boolean>): Promise<void>
}
