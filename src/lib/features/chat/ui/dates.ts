const DAY_MS = 86_400_000

/** `12:04`, as the locale writes it. */
export function clockTime(atMs: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(atMs)
}

/** The line above a day's messages: Today, Yesterday, Wednesday, 12 March, 12 March 2024. */
export function dayLabel(atMs: number, nowMs: number, locale: string): string {
  const daysAgo = calendarDaysBetween(atMs, nowMs)
  if (daysAgo === 0 || daysAgo === 1) return capital(relativeDay(daysAgo, locale), locale)
  if (daysAgo > 1 && daysAgo < 7) {
    return capital(new Intl.DateTimeFormat(locale, { weekday: 'long' }).format(atMs), locale)
  }
  const sameYear = new Date(atMs).getFullYear() === new Date(nowMs).getFullYear()
  return new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'long',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(atMs)
}

/** The short time of a row in a list: 12:04 today, then yesterday, Wed, 12 Mar, 12/03/2024. */
export function listTime(atMs: number, nowMs: number, locale: string): string {
  const daysAgo = calendarDaysBetween(atMs, nowMs)
  if (daysAgo === 0) return clockTime(atMs, locale)
  if (daysAgo === 1) return relativeDay(daysAgo, locale)
  if (daysAgo > 1 && daysAgo < 7) {
    return new Intl.DateTimeFormat(locale, { weekday: 'short' }).format(atMs)
  }
  const sameYear = new Date(atMs).getFullYear() === new Date(nowMs).getFullYear()
  return new Intl.DateTimeFormat(
    locale,
    sameYear
      ? { day: 'numeric', month: 'short' }
      : { day: '2-digit', month: '2-digit', year: 'numeric' },
  ).format(atMs)
}

/** Day and time in full, for message info. */
export function fullTime(atMs: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'medium' }).format(atMs)
}

/** In the reader's time zone; negative for a day to come (a clock set wrong). */
function calendarDaysBetween(fromMs: number, toMs: number): number {
  return Math.round((noonOf(toMs) - noonOf(fromMs)) / DAY_MS)
}

/** Noon, because midnight is where daylight saving adds and takes its hour. */
function noonOf(atMs: number): number {
  return new Date(atMs).setHours(12, 0, 0, 0)
}

function relativeDay(daysAgo: number, locale: string): string {
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-daysAgo, 'day')
}

function capital(text: string, locale: string): string {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1)
}
