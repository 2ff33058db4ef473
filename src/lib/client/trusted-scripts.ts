/** Trusted Types (https://www.w3.org/TR/trusted-types/), which not every browser has. */
interface PolicyFactory {
  createPolicy<P>(name: string, rules: P): P
}

const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory }

/**
 * The page's Content Security Policy lets only this policy name scripts (Trusted Types), and it names only
 * scripts of our own origin.
 */
const policy = trustedTypes?.createPolicy('starling', {
  createScriptURL(input: string) {
    const url = new URL(input, location.href)
    if (url.origin !== location.origin) throw new TypeError(`${url.origin} is not our own origin`)
    return url.href
  },
})

/** A script's address that `Worker`, `SharedWorker` and service worker registration accept. */
export function scriptUrl(path: string): string {
  // Where Trusted Types exist this is no string but an object that only a policy can make.
  return policy?.createScriptURL(path) ?? path
}
