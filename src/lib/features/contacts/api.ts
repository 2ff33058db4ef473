import type { AbortOptions } from '../../rpc/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/**
 * `waiting`: I scanned their code, they have not accepted yet. `mutual`: both have each other.
 * `changed`: they show another key than I accepted, and nothing is exchanged until I accept that one. `blocked`: nothing
 * of theirs is taken. A request is a person who scanned my code and waits for me.
 */
export type ContactState = 'waiting' | 'mutual' | 'changed' | 'blocked'

/** How a peer is reached now; `offline` also while connected with one who has not said hello. */
export type Path = 'direct' | 'relayed' | 'offline'

export interface Contact {
  peer: PeerIdString
  /** What they call themselves. */
  name: string
  /** What I call them, when I gave them a name of my own. */
  alias: string | null
  note: string
  state: ContactState
  /** I compared the key they have now. */
  verified: boolean
  /** Another contact is called the same, or looks so. */
  sharesName: boolean
  path: Path
  /** When they were last connected; null when never. */
  lastSeenAtMs: number | null
  addedAtMs: number
}

export interface ContactRequest {
  peer: PeerIdString
  name: string
  /** A contact is called the same, or looks so. */
  sharesName: boolean
  /** As in `Safety`. */
  safetyWords: string[]
  receivedAtMs: number
}

/** What I compare with a contact; of the key they offer, where they offer another one. */
export interface Safety {
  /** Twelve words that both sides see, derived from all keys of both. */
  words: string[]
  /** The same and more as a text to scan. */
  code: string
}

export interface MyCode {
  /** The card as a link fragment, `#/c/…`; a tab puts its origin in front. At most 400 characters. */
  fragment: string
  /** `peerid@multiaddr`, the plain form. */
  plain: string
}

/** What a code says to anybody. */
export interface Invitation {
  peer: PeerIdString
  /** null in the plain form, which carries none. */
  name: string | null
}

/** What a code says to me, before anything is done with it. */
export interface CodePreview extends Invitation {
  /** As in `Safety`; null in the plain form of somebody whose card was never seen, which tells one key only. */
  safetyWords: string[] | null
  /** `requested-me`: they have added me, whatever I said to it; adding them makes it mutual. */
  relation: 'new' | 'self' | 'requested-me' | ContactState
}

/** Somebody on the same network who shows themselves there. */
export interface NearbyPerson {
  peer: PeerIdString
  name: string
  /** Their card as a link fragment, `#/c/…`. */
  code: string
  isContact: boolean
}

export interface Nearby {
  people: NearbyPerson[]
  /** `none`: none of my relays is there, or answers. `refuse`: too many show themselves at this address. */
  relays: 'none' | 'tell' | 'refuse'
}

/** For who has been given a code and is nobody here yet. */
export interface InvitationsApi {
  /** Who invites. Reads and throws like `ContactsApi.preview`. */
  read(code: string, options?: AbortOptions): Promise<Invitation>
}

export interface ContactsApi {
  watchContacts(options?: AbortOptions): AsyncIterable<Contact[]>
  watchRequests(options?: AbortOptions): AsyncIterable<ContactRequest[]>
  watchMyCode(options?: AbortOptions): AsyncIterable<MyCode>
  /**
   * Shows me, my name and my code, to those on the same network, as my relays see it, for as long as this is watched: only who
   * watches sees others.
   */
  watchNearby(options?: AbortOptions): AsyncIterable<Nearby>
  /**
   * Reads a link, a fragment, a bare card or `peerid@multiaddr`, with blanks around it.
   * @throws MalformedCodeError, ForeignCodeError, ExpiredCodeError, TamperedCodeError, NewerCodeError
   */
  preview(code: string, options?: AbortOptions): Promise<CodePreview>
  /**
   * Adds the person of a code; also accepts their request when there is one. Somebody added already is asked anew.
   * Throws like `preview`, and OwnCodeError.
   */
  add(code: string, options?: AbortOptions): Promise<PeerIdString>
  /** What to compare with this contact; null while no card of theirs was seen. @throws UnknownContactError */
  safety(peer: PeerIdString, options?: AbortOptions): Promise<Safety | null>
  /**
   * The person compared: this is the safety code they read off the other's screen, or the one they were shown with the
   * words. Marks the contact as verified, and accepts the key it is of.
   * @throws NotASafetyCodeError, DifferentKeysError, UnknownContactError
   */
  verify(peer: PeerIdString, code: string, options?: AbortOptions): Promise<void>
  /** Takes the mark away. */
  unverify(peer: PeerIdString, options?: AbortOptions): Promise<void>
  /** Accepts the key they offer, without comparing. Nothing when they offer none. */
  acceptKey(peer: PeerIdString, options?: AbortOptions): Promise<void>
  accept(peer: PeerIdString, options?: AbortOptions): Promise<void>
  /** Puts a request away without an answer. */
  decline(peer: PeerIdString, options?: AbortOptions): Promise<void>
  /** Does nothing when there is no request any more, because they became a contact meanwhile. */
  undoDecline(peer: PeerIdString, options?: AbortOptions): Promise<void>
  block(peer: PeerIdString, options?: AbortOptions): Promise<void>
  unblock(peer: PeerIdString, options?: AbortOptions): Promise<void>
  remove(peer: PeerIdString, history: 'keep' | 'delete', options?: AbortOptions): Promise<void>
  /** `null` or blank returns to the name they gave themselves. */
  setAlias(peer: PeerIdString, alias: string | null, options?: AbortOptions): Promise<void>
  setNote(peer: PeerIdString, note: string, options?: AbortOptions): Promise<void>
}
