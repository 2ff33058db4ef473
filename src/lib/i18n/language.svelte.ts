/** The language the interface speaks. Messages read it when they are called, so a change shows at once. */
import { locales, overwriteGetLocale, type Locale } from './generated/runtime.js'
import { keepLanguage } from './kept-language.ts'

/** Where the choice is kept for the first paint, beside the settings in the database. */
export const LANGUAGE_KEY = 'starling.language'

/** What each language calls itself. */
export const LANGUAGE_NAMES: Record<Locale, string> = { en: 'English', ru: 'Русский' }

let current = $state<Locale>('en')
overwriteGetLocale(() => current)

/** The language spoken now. */
export function language(): Locale {
  return current
}

/** Speaks `choice` from now on, or the browser's own language when it is null, and keeps that for the next start. */
export function speak(choice: Locale | null): void {
  current = choice ?? browserLanguage(navigator.languages)
  document.documentElement.lang = current
  void keepLanguage(current)
  if (choice === null) localStorage.removeItem(LANGUAGE_KEY)
  else localStorage.setItem(LANGUAGE_KEY, choice)
}

/** Speaks what was kept at the last start; called before the first screen is drawn. */
export function speakAsBefore(): void {
  const kept = localStorage.getItem(LANGUAGE_KEY)
  speak(locales.find((locale) => locale === kept) ?? null)
}

/** The first of `wanted` (BCP 47 tags, best first) that there is; English when there is none. */
export function browserLanguage(wanted: readonly string[]): Locale {
  for (const tag of wanted) {
    const known = locales.find((locale) => locale === tag.toLowerCase().split('-')[0])
    if (known !== undefined) return known
  }
  return 'en'
}
