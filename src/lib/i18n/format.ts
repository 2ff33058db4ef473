/** Times, sizes and numbers as the language spoken now writes them. Read in a template, they follow it. */
import { m } from './generated/messages.js'
import { language } from './language.svelte.ts'

const DAY_MS = 86_400_000

/** `12:04` */
export function formatTime(atMs: number): string {
  return format('time', atMs)
}

/** `12:04:31`, for logs. */
export function formatSecond(atMs: number): string {
  return format('second', atMs)
}

/** `Today`, `Yesterday`, a weekday of the last six days, else a date: what divides a conversation by days. */
export function formatDay(atMs: number, nowMs: number): string {
  const daysAgo = calendarDaysBetween(atMs, nowMs)
  if (daysAgo === 0) return m.common_today()
  if (daysAgo === 1) return m.common_yesterday()
  if (daysAgo > 1 && daysAgo < 7) return capitalised(format('weekday', atMs))
  return formatDate(atMs, nowMs)
}

/** The short place of a moment in a list: its time today, `Yesterday`, a weekday, else a date. */
export function formatMoment(atMs: number, nowMs: number): string {
  return calendarDaysBetween(atMs, nowMs) === 0 ? formatTime(atMs) : formatDayShort(atMs, nowMs)
}

/** `5 June`, with the year when it is not this one. */
export function formatDate(atMs: number, nowMs: number): string {
  return new Date(atMs).getFullYear() === new Date(nowMs).getFullYear()
    ? format('date', atMs)
    : format('dateWithYear', atMs)
}

/** Date and time in full, for tooltips and details. */
export function formatDateTime(atMs: number): string {
  return format('dateTime', atMs)
}

/** `05/06/2026, 12:04:31`: where several moments are compared. */
export function formatExactly(atMs: number): string {
  return format('moment', atMs)
}

/** `5 minutes ago`, `yesterday`; `just now` under a minute. */
export function formatAgo(atMs: number, nowMs: number): string {
  const elapsedMs = Math.max(0, nowMs - atMs)
  if (elapsedMs < 60_000) return m.common_just_now()
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' })
  if (elapsedMs < 3_600_000) return relative.format(-Math.floor(elapsedMs / 60_000), 'minute')
  if (elapsedMs < DAY_MS) return relative.format(-Math.floor(elapsedMs / 3_600_000), 'hour')
  const daysAgo = calendarDaysBetween(atMs, nowMs)
  return daysAgo < 7 ? relative.format(-daysAgo, 'day') : formatDate(atMs, nowMs)
}

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** `340 bytes`, `1.2 MB`: three digits are enough to judge a size. Units are decimal, as browsers show them. */
export function formatBytes(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit: BYTE_UNITS[unit]!,
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value)
}

/** `48 ms` */
export function formatLatency(latencyMs: number): string {
  return new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit: 'millisecond',
    unitDisplay: 'short',
    maximumFractionDigits: 0,
  }).format(Math.max(1, latencyMs))
}

const DURATION_UNITS = [
  ['day', DAY_MS],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** `40 sec`, `3 min`, `2 hr`: how long something takes, roughly; never less than a second. */
export function formatDuration(ms: number): string {
  // From one and a half of a unit on; below that the smaller unit says more.
  const [unit, unitMs] = DURATION_UNITS.find(([, unitMs]) => ms >= 1.5 * unitMs) ?? ['second', 1000]
  return new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: 0,
  }).format(Math.max(1, Math.round(ms / unitMs)))
}

/** `2.1 MB/s` */
export function formatSpeed(bytesPerSecond: number): string {
  return m.common_speed({ size: formatBytes(bytesPerSecond) })
}

/** `3 min left` */
export function formatTimeLeft(ms: number): string {
  return m.common_time_left({ time: formatDuration(ms) })
}

/** `45 %` of a share from 0 to 1; 100 % only when nothing is left. */
export function formatShare(share: number): string {
  return new Intl.NumberFormat(locale(), { style: 'percent' }).format(Math.floor(share * 100) / 100)
}

/** An id shortened in the middle, for the eye only: `12D3KooW…f4Qz`. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`
}

function formatDayShort(atMs: number, nowMs: number): string {
  const daysAgo = calendarDaysBetween(atMs, nowMs)
  if (daysAgo === 1) return m.common_yesterday()
  if (daysAgo > 1 && daysAgo < 7) return format('shortWeekday', atMs)
  return format('shortDate', atMs)
}

function calendarDaysBetween(earlierMs: number, laterMs: number): number {
  const midnight = (atMs: number) => new Date(atMs).setHours(0, 0, 0, 0)
  return Math.round((midnight(laterMs) - midnight(earlierMs)) / DAY_MS)
}

function capitalised(text: string): string {
  return text.charAt(0).toLocaleUpperCase(language()) + text.slice(1)
}

/** The tag with the person's own region when the browser names one: it decides between 12 and 24 hours. */
function locale(): string {
  return navigator.languages.find((tag) => tag.split('-')[0] === language()) ?? language()
}

const STYLES = {
  time: { timeStyle: 'short' },
  second: { timeStyle: 'medium' },
  weekday: { weekday: 'long' },
  shortWeekday: { weekday: 'short' },
  date: { day: 'numeric', month: 'long' },
  dateWithYear: { day: 'numeric', month: 'long', year: 'numeric' },
  shortDate: { day: 'numeric', month: 'short' },
  dateTime: { dateStyle: 'long', timeStyle: 'short' },
  moment: { dateStyle: 'short', timeStyle: 'medium' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>

/** Making a formatter costs a hundred times its use: each is kept. */
const formatters = new Map<string, Intl.DateTimeFormat>()

function format(style: keyof typeof STYLES, atMs: number): string {
  const key = `${locale()} ${style}`
  let formatter = formatters.get(key)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat(locale(), STYLES[style])
    formatters.set(key, formatter)
  }
  return formatter.format(atMs)
}
