/** The language chosen last, where the service worker finds it too: it sees no `localStorage`, and opens no database. */
import { baseLocale, locales, type Locale } from './generated/runtime.js'

const CACHE = 'starling-language'
const KEY = '/language'

/** For pushes alone, so that nothing waits for it or fails with it. */
export async function keepLanguage(language: Locale): Promise<void> {
  try {
    const cache = await caches.open(CACHE)
    await cache.put(KEY, new Response(language))
  } catch (error) {
    // Some browsers have no such storage in a private window, nor pushes then.
    console.info('pushes will be in English:', error)
  }
}

export async function keptLanguage(): Promise<Locale> {
  try {
    const kept = await (await caches.open(CACHE)).match(KEY)
    const text = await kept?.text()
    return locales.find((locale) => locale === text) ?? baseLocale
  } catch {
    return baseLocale
  }
}

/** Nothing is left of it. */
export async function forgetLanguage(): Promise<void> {
  await caches.delete(CACHE)
}
