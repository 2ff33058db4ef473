/**
 * The page's Content Security Policy lets only this policy name scripts (Trusted Types), and it names only
 * scripts of our own origin.
 */
const policy = globalThis.trustedTypes?.createPolicy('starling', {
  createScriptURL(input) {
    const url = new URL(input, location.href)
    if (url.origin !== location.origin) throw new TypeError(`${url.origin} is not our own origin`)
    return url.href
  },
})

/** A script's address that `Worker`, `SharedWorker` and service worker registration accept. */
export function scriptUrl(path: string): string {
  // The DOM's types know only strings here; where Trusted Types exist, the object is what it takes.
  return (policy?.createScriptURL(path) ?? path) as string
}
