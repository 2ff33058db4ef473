import type { Locale } from '../../../i18n/generated/runtime.js'

/** Names to begin with, until a person gives their own. Whole, because adjectives agree with their birds. */
const NAMES: Record<Locale, readonly string[]> = {
  en: [
    'Quiet Heron',
    'Early Lark',
    'Bright Wren',
    'Swift Swallow',
    'Amber Finch',
    'Snowy Owl',
    'River Martin',
    'Clever Rook',
    'Tiny Goldcrest',
    'Merry Robin',
    'Distant Crane',
    'Bold Magpie',
    'Gentle Dove',
    'Silver Gull',
    'Curious Jay',
    'Night Warbler',
  ],
  ru: [
    'Тихая цапля',
    'Ранний жаворонок',
    'Быстрый стриж',
    'Смелая сорока',
    'Янтарный зяблик',
    'Белая сова',
    'Речная ласточка',
    'Мудрый грач',
    'Весёлая зарянка',
    'Далёкий журавль',
    'Добрый голубь',
    'Серебряная чайка',
    'Любопытная сойка',
    'Ночной соловей',
    'Малый королёк',
    'Звонкая синица',
  ],
}

/** A name in this language other than `previous`; `fraction` in [0, 1) chooses it. */
export function suggestName(language: Locale, fraction: number, previous?: string): string {
  const names = NAMES[language].filter((name) => name !== previous)
  return names[Math.floor(fraction * names.length)]!
}
