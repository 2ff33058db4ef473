/**
 * Newer versions of the page. The service worker fetches one in the background and waits; a tab whose node host
 * is already newer cannot go on and loads again.
 */

/** A page that was just loaded and is still old would load itself for ever: it asks the person instead. */
const RELOAD_PAUSE_MS = 30_000
const RELOADED_KEY = 'starling.reloaded-at'

let waiting = $state.raw<ServiceWorker | null>(null)
let accepted = false

/** Whether a newer version is here and waits. */
export function updateIsReady(): boolean {
  return waiting !== null
}

/** Starts looking. To be called once in a page's life. */
export function watchForUpdate(): void {
  // Absent outside of secure pages.
  if (!('serviceWorker' in navigator)) return
  void navigator.serviceWorker.ready.then((registration) => {
    const look = () => {
      waiting = registration.waiting
    }
    look()
    registration.addEventListener('updatefound', () => {
      registration.installing?.addEventListener('statechange', look)
    })
  })
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (accepted) location.reload()
  })
}

/** Loads the page again, in its newest version. */
export function update(): void {
  if (waiting === null) {
    location.reload()
    return
  }
  accepted = true
  // It takes over, and `controllerchange` loads the page.
  waiting.postMessage('SKIP_WAITING')
}

/** Loads the page again by itself, if nothing typed is lost by it and it has not just done so. */
export function updateUnlessTyping(): void {
  const lastMs = Number(sessionStorage.getItem(RELOADED_KEY) ?? 0)
  if (Date.now() - lastMs < RELOAD_PAUSE_MS || somethingIsTyped()) return
  sessionStorage.setItem(RELOADED_KEY, String(Date.now()))
  update()
}

function somethingIsTyped(): boolean {
  const fields = document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>(
    'input[type="text"], input[type="search"], textarea',
  )
  return [...fields].some(({ value, defaultValue }) => value !== defaultValue)
}
