import type { PeerIdString } from '../../protocol/ids.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { AttachmentLine } from '../chat/api.ts'

/** A conversation, or all requests together, however many strangers ask. */
export type About = PeerIdString | 'requests'

/** What one notification tells. A later one about the same replaces it. */
export interface Notice {
  about: About
  /** Whose words they are, or who asks. */
  name: string
  /** Their last words, cut; null when they are not to be shown. */
  text: string | null
  /** The file that came with them; null when there is none, or it is not to be told. */
  file: AttachmentLine | null
  /** How many messages are unread there, or how many ask. */
  count: number
}

/** What is to stand on the screen beside the app. */
export interface Notices {
  /** Came since the last time: to be shown, and heard. */
  fresh: Notice[]
  /** May stand there still; all else was seen to. */
  open: About[]
}

/** A push subscription of this browser. */
export interface WakeAddress {
  /** Of the browser's push service (RFC 8030). */
  endpoint: string
  /** What it is for: the public key of a relay (RFC 8292), base64url. */
  key: string
}

/** How it stands with being woken by a relay while Starling is closed. */
export interface WakeUps {
  /** What relays are to know; null: the person does not want it. */
  address: WakeAddress | null
  /** What a subscription is to be for now; null while no relay of mine is known to wake. */
  key: string | null
  /** Whether all relays of mine have said by now whether they wake. */
  asked: boolean
  /** The relay that wakes, once it knows where; null before. */
  relay: string | null
  /** The relay does not take the address. */
  refused: boolean
}

export interface WakeUpsApi {
  watchWakeUps(options?: AbortOptions): AsyncIterable<WakeUps>
  /** The browser has subscribed: relays are to know. */
  wakeAt(address: WakeAddress, options?: AbortOptions): Promise<void>
  /** The browser has another subscription: nothing, unless relays are still to know the one before. */
  moveTo(address: WakeAddress, insteadOf: WakeAddress, options?: AbortOptions): Promise<void>
  /** Nobody is to wake this browser any more. */
  letSleep(options?: AbortOptions): Promise<void>
  /** A push came: looks for what it is about, and answers once every relay was visited or did not answer. */
  woken(options?: AbortOptions): Promise<void>
}

export interface NotificationsApi {
  /**
   * What this tab has to show, of those that ask the one that was used last: each notice is told once, to one tab.
   * While one is focused, nothing is fresh.
   *
   * @param focused whether the person looks at this tab, as long as this goes on
   */
  notices(focused: boolean, options?: AbortOptions): AsyncIterable<Notices>
}
