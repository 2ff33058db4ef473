import { scriptUrl } from './trusted-scripts.ts'

/**
 * Keeps the page for when there is no network. Nothing depends on it: where service workers are refused, as in
 * some private windows, Starling runs without.
 */
export function registerServiceWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  navigator.serviceWorker.register(scriptUrl('/service-worker.js')).catch((error: unknown) => {
    console.info('no offline copy of this page:', error)
  })
}
