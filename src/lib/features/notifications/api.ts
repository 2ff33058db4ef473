import type { PeerIdString } from '../../protocol/ids.ts'
import type { AbortOptions } from '../../rpc/api.ts'

/** A conversation, or all requests together, however many strangers ask. */
export type About = PeerIdString | 'requests'

/** What one notification tells. A later one about the same replaces it. */
export interface Notice {
  about: About
  /** Whose words they are, or who asks. */
  name: string
  /** Their last words, cut; null when they are not to be shown. */
  text: string | null
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

export interface NotificationsApi {
  /**
   * What this tab has to show, of those that ask the one that was used last: each notice is told once, to one tab.
   * While one is focused, nothing is fresh.
   *
   * @param focused whether the person looks at this tab, as long as this goes on
   */
  notices(focused: boolean, options?: AbortOptions): AsyncIterable<Notices>
}
