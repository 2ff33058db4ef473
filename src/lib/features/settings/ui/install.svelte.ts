/** Chromium's offer to install the page; no standard, and so not in the DOM's types. */
interface BeforeInstallPromptEvent extends Event {
  prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>
}

/** How the app can be installed here. `prompt`: by a button of ours; `ios` and `manual`: by the browser's menu. */
export type InstallWay = 'installed' | 'prompt' | 'ios' | 'manual'

let offer = $state.raw<BeforeInstallPromptEvent | null>(null)
let installed = $state(false)

/** Keeps the browser's offer, which comes once and early. Called when the page starts. */
export function listenForInstall(): void {
  installed = matchMedia('(display-mode: standalone)').matches || isHomeScreenApp()
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault()
    offer = event as BeforeInstallPromptEvent
  })
  addEventListener('appinstalled', () => {
    installed = true
    offer = null
  })
}

export function installWay(): InstallWay {
  if (installed) return 'installed'
  if (offer !== null) return 'prompt'
  return 'standalone' in navigator ? 'ios' : 'manual'
}

/** An app on the Home Screen of an iPhone, which shares nothing with Safari. */
export function isHomeScreenApp(): boolean {
  return 'standalone' in navigator && navigator.standalone === true
}

/** Lets the browser ask. An offer can be used once. */
export async function install(): Promise<void> {
  const asked = offer
  offer = null
  const answer = await asked?.prompt()
  if (answer?.outcome === 'accepted') installed = true
}
