/**
 * Shows a number on the app's icon, where the browser can (Badging API, https://w3c.github.io/badging/); 0 takes it away.
 * What stands there stays when the app is closed.
 */
export async function showAppBadge(count: number): Promise<void> {
  if (!('setAppBadge' in navigator)) return
  try {
    await navigator.setAppBadge(count)
  } catch {
    // The app is not installed, or the system has no place for a number: it stands in the title too.
  }
}
