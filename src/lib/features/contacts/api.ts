import type { AbortOptions } from '../../rpc/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/**
 * `waiting`: I scanned their code, they have not accepted yet. `mutual`: both have each other.
 * `blocked`: nothing of theirs is taken. A request is a person who scanned my code and waits for me.
 */
export type ContactState = 'waiting' | 'mutual' | 'blocked'

/** How a peer is reached now; `offline` also while connected with one who has not said hello. */
export type Path = 'direct' | 'relayed' | 'offline'

export interface Contact {
  peer: PeerIdString
  /** What they call themselves. */
  name: string
  /** What I call them, when I gave them a name of my own. */
  alias: string | null
  note: string
  /** Four words both sides see, derived from both keys. */
  safetyWords: string[]
  state: ContactState
  path: Path
  /** When they were last connected; null when never. */
  lastSeenAtMs: number | null
  addedAtMs: number
}

export interface ContactRequest {
  peer: PeerIdString
  name: string
  /** Four words both sides see, derived from both keys. */
  safetyWords: string[]
  receivedAtMs: number
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
  safetyWords: string[]
  /** `requested-me`: they have added me, whatever I said to it; adding them makes it mutual. */
  relation: 'new' | 'self' | 'requested-me' | ContactState
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
   * Reads a link, a fragment, a bare card or `peerid@multiaddr`, with blanks around it.
   * @throws MalformedCodeError, ForeignCodeError, ExpiredCodeError, TamperedCodeError, NewerCodeError
   */
  preview(code: string, options?: AbortOptions): Promise<CodePreview>
  /**
   * Adds the person of a code; also accepts their request when there is one. Somebody added already is asked anew.
   * Throws like `preview`, and OwnCodeError.
   */
  add(code: string, options?: AbortOptions): Promise<PeerIdString>
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
