import * as v from 'valibot'
import type { Logger } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import {
  AUTO_GET_BYTES,
  type AutoGet,
  type FileChoices,
  type Language,
  type NotificationDetail,
  type Settings,
  type SettingsApi,
  type Theme,
} from './api.ts'
import { UnknownChoiceError } from './errors.ts'
import type { SettingsStore } from './store.ts'

export interface SettingsComponents {
  store: SettingsStore
  /** `navigator.storage` of the browser. */
  storage: { estimate(): Promise<{ usage?: number; quota?: number }> }
  logger: Logger
}

const languageSchema = v.nullable(v.picklist(['en', 'ru']))
const themeSchema = v.picklist(['system', 'light', 'dark'])
/** Slower than this nothing would seem to come at all: a chunk takes four seconds. */
export const MIN_BYTES_PER_SECOND = 64 * 1024

const rateSchema = v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(MIN_BYTES_PER_SECOND)))
const filesSchema = v.partial(
  v.strictObject({
    downBytesPerSecond: rateSchema,
    upBytesPerSecond: rateSchema,
    spareBytes: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  }),
)
const notificationsSchema = v.picklist(['off', 'name', 'text'])
const autoGetSchema = v.strictObject({
  when: v.picklist(['always', 'unmetered', 'never']),
  upToBytes: v.picklist(AUTO_GET_BYTES),
})

/** What a person chose for this device. */
export class SettingsService implements SettingsApi {
  readonly #components: SettingsComponents

  constructor(components: SettingsComponents) {
    this.#components = components
  }

  watchSettings(options?: AbortOptions): AsyncIterable<Settings> {
    return this.#components.store.watch(options)
  }

  async setLanguage(language: Language | null, options?: AbortOptions): Promise<void> {
    if (!v.is(languageSchema, language)) throw new UnknownChoiceError('no such language')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ language })
  }

  async setTheme(theme: Theme, options?: AbortOptions): Promise<void> {
    if (!v.is(themeSchema, theme)) throw new UnknownChoiceError('no such theme')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ theme })
  }

  async setReadReceipts(on: boolean, options?: AbortOptions): Promise<void> {
    if (typeof on !== 'boolean') throw new UnknownChoiceError('neither on nor off')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ readReceipts: on })
  }

  async setNotifications(detail: NotificationDetail, options?: AbortOptions): Promise<void> {
    if (!v.is(notificationsSchema, detail)) throw new UnknownChoiceError('no such notifications')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ notifications: detail })
  }

  async setFiles(choices: Partial<FileChoices>, options?: AbortOptions): Promise<void> {
    if (!v.is(filesSchema, choices)) throw new UnknownChoiceError('no such limit')
    options?.signal?.throwIfAborted()
    await this.#components.store.changeFiles(choices)
  }

  async setAutoGet(choice: AutoGet, options?: AbortOptions): Promise<void> {
    if (!v.is(autoGetSchema, choice)) throw new UnknownChoiceError('no such choice')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ autoGet: choice })
  }

  async setCopiesForAway(on: boolean, options?: AbortOptions): Promise<void> {
    if (typeof on !== 'boolean') throw new UnknownChoiceError('neither on nor off')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ copiesForAway: on })
  }

  async setPassOn(on: boolean, options?: AbortOptions): Promise<void> {
    if (typeof on !== 'boolean') throw new UnknownChoiceError('neither on nor off')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ passOn: on })
  }

  async setRelayOnly(on: boolean, options?: AbortOptions): Promise<void> {
    if (typeof on !== 'boolean') throw new UnknownChoiceError('neither on nor off')
    options?.signal?.throwIfAborted()
    await this.#components.store.change({ relayOnly: on })
  }

  async storage(): Promise<{ usedBytes: number | null; quotaBytes: number | null }> {
    const { logger, storage } = this.#components
    try {
      const { usage, quota } = await storage.estimate()
      return { usedBytes: usage ?? null, quotaBytes: quota ?? null }
    } catch (error) {
      // Some browsers have no estimate, or none in a private window.
      logger.debug(`no storage estimate: ${String(error)}`)
      return { usedBytes: null, quotaBytes: null }
    }
  }
}
