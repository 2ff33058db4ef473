import type { AbortOptions } from '../../rpc/api.ts'

export type Language = 'en' | 'ru'
export type Theme = 'system' | 'light' | 'dark'

/** What notifications tell: nothing, who wrote, or what they wrote too. */
export type NotificationDetail = 'off' | 'name' | 'text'

/** How much files may take. Null: no limit. */
export interface FileChoices {
  /** What is got, over all peers. */
  downBytesPerSecond: number | null
  /** What is given. */
  upBytesPerSecond: number | null
  /** What is kept of files only to be given on: beyond that, what was used longest ago goes. */
  spareBytes: number | null
}

/** What is got of chats without being asked for: when, and files of at most so many bytes. */
export interface AutoGet {
  /** `unmetered`: not where bytes may cost something, as far as the browser tells. */
  when: 'always' | 'unmetered' | 'never'
  upToBytes: number
}

/** What can be chosen for `upToBytes`. */
export const AUTO_GET_BYTES = [1_000_000, 10_000_000, 100_000_000] as const

export interface Settings {
  /** null: the browser's own. */
  language: Language | null
  theme: Theme
  /** Whether others are told what I have read; if not, I am not told what they have. */
  readReceipts: boolean
  notifications: NotificationDetail
  files: FileChoices
  autoGet: AutoGet
  /**
   * Whether a relay is asked to keep what people who are away were sent in chats: it learns who sends to whom. Null: the
   * person was not asked yet, and no relay is.
   */
  copiesForAway: boolean | null
  /** Whether others are given the files of links I got, where I did not choose for one of them. */
  passOn: boolean
  /** Whether nobody but relays learns this device's network address. */
  relayOnly: boolean
}

export interface SettingsApi {
  watchSettings(options?: AbortOptions): AsyncIterable<Settings>
  setLanguage(language: Language | null, options?: AbortOptions): Promise<void>
  setTheme(theme: Theme, options?: AbortOptions): Promise<void>
  setReadReceipts(on: boolean, options?: AbortOptions): Promise<void>
  setNotifications(detail: NotificationDetail, options?: AbortOptions): Promise<void>
  /** Those named change. @throws UnknownChoiceError for what is less than `MIN_BYTES_PER_SECOND`, or no number */
  setFiles(choices: Partial<FileChoices>, options?: AbortOptions): Promise<void>
  setAutoGet(choice: AutoGet, options?: AbortOptions): Promise<void>
  setCopiesForAway(on: boolean, options?: AbortOptions): Promise<void>
  setPassOn(on: boolean, options?: AbortOptions): Promise<void>
  setRelayOnly(on: boolean, options?: AbortOptions): Promise<void>
  /** Bytes used and granted to this origin, as far as the browser tells. */
  storage(options?: AbortOptions): Promise<{ usedBytes: number | null; quotaBytes: number | null }>
}
