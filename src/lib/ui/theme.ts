/** Light, dark, or as the device is. Kept beside the settings for the first paint, see public/first-paint.js. */
export const THEME_KEY = 'starling.theme'

export function applyTheme(theme: 'system' | 'light' | 'dark'): void {
  document.documentElement.dataset['theme'] = theme
  localStorage.setItem(THEME_KEY, theme)
}
