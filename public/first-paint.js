/*
 * Runs before anything is drawn, so that a chosen theme and language are there from the first frame. The keys are
 * those of src/lib/ui/theme.ts and src/lib/i18n/language.svelte.ts.
 */
{
  const theme = localStorage.getItem('starling.theme')
  if (theme !== null) document.documentElement.dataset.theme = theme
  const language = localStorage.getItem('starling.language') ?? navigator.language.slice(0, 2)
  document.documentElement.lang = language === 'ru' ? 'ru' : 'en'
}
