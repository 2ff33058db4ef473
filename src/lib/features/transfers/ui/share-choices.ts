import { m } from '../../../i18n/generated/messages.js'
import type { ShareChoices } from '../api.ts'
import { COPY_FOR_MS, type CopyChoice } from './copy-words.ts'

/** Shorter ones are tried out in no time by who has the link. */
const MIN_PASSWORD = 4

/** A larger number is none: it is left out. */
const MAX_PEOPLE = 10_000

export const EXPIRIES = ['never', 'hour', 'day', 'week'] as const

export type Expiry = (typeof EXPIRIES)[number]

const HOUR_MS = 3_600_000

const EXPIRES_AFTER_MS: Record<Expiry, number | null> = {
  never: null,
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 7 * 24 * HOUR_MS,
}

/** What a person typed and chose. */
export interface TypedChoices {
  description: string
  expiry: Expiry
  password: string
  people: string
  copy: CopyChoice
}

/** What is wrong with it, beside the field it is wrong in. */
export interface ChoiceProblem {
  field: 'password' | 'people'
  text: string
}

/** What they choose by it, or what is wrong. */
export function shareChoices(typed: TypedChoices): ShareChoices | ChoiceProblem {
  const { description, expiry, password } = typed
  if (password !== '' && [...password].length < MIN_PASSWORD) {
    return { field: 'password', text: m.transfers_password_short() }
  }
  const people = typed.people.trim()
  const limit = /^\d{1,6}$/u.test(people) ? Number(people) : 0
  if (people !== '' && (limit < 1 || limit > MAX_PEOPLE)) {
    return { field: 'people', text: m.transfers_limit_wrong({ max: MAX_PEOPLE }) }
  }
  if (people !== '' && typed.copy !== 'no') {
    return { field: 'people', text: m.transfers_copy_limit() }
  }
  return {
    description: description.trim(),
    expiresAfterMs: EXPIRES_AFTER_MS[expiry],
    password: password === '' ? null : password,
    downloadLimit: people === '' ? null : limit,
    copyForMs: COPY_FOR_MS[typed.copy],
  }
}

/** Why files could not be shared. */
export interface ShareProblem {
  /** In a sentence. */
  text: string
  /** Room is what they lack. */
  noRoom: boolean
}

export function shareProblem(error: unknown): ShareProblem {
  const name = error instanceof Error ? error.name : ''
  return { text: problemText(name), noRoom: name === 'StorageFullError' }
}

function problemText(name: string): string {
  switch (name) {
    case 'NothingToShareError':
      return m.transfers_share_nothing()
    case 'LimitExceededError':
    case 'TooManyFilesError':
      return m.transfers_share_too_many()
    case 'InvalidDataError':
      return m.transfers_share_bad_name()
    case 'StorageFullError':
      return m.transfers_share_storage()
    // What browsers throw when a file has gone or changed since it was chosen, or may not be read.
    case 'NotReadableError':
    case 'NotFoundError':
    case 'SecurityError':
    case 'EncodingError':
      return m.transfers_share_unreadable()
    default:
      return m.transfers_share_failed()
  }
}
