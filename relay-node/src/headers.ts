/**
 * What every page of the relay is served with. The app needs no more than this; a test in tests/integration/relay
 * reads them back.
 */

/** https://www.w3.org/TR/CSP3/ */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  // WebAssembly: key derivation and codecs. Neither inline scripts nor eval.
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  // Pictures and media of messages are blobs.
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "manifest-src 'self'",
  // Any other relay: wss, WebTransport and mailboxes (https), and both without TLS where the page itself came so.
  "connect-src 'self' wss: https: ws: http:",
  // What the service worker answers as a download is asked for in a frame, and files are looked at in one.
  "frame-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  // `starling` names our own scripts; Svelte makes its templates with the other.
  'trusted-types starling svelte-trusted-html',
].join('; ')

/**
 * Added to what `viewer.html` says of itself: it has no origin, though the page has it in a frame. The policy, not the frame,
 * says so, because browsers ask no service worker for a frame that is sandboxed before it is there.
 */
export const VIEWER_POLICY = "sandbox allow-scripts; frame-ancestors 'self'"

/** Camera for codes, microphone for voice; nothing else of the device. */
const PERMISSIONS_POLICY = [
  'camera=(self)',
  'microphone=(self)',
  'geolocation=()',
  'payment=()',
  'usb=()',
  'serial=()',
  'display-capture=()',
].join(', ')

/** Headers of every answer. No CORS header: no other origin's page reads anything but what mailboxes answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Permissions-Policy': PERMISSIONS_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
}

/** Names with a hash of their content never change. */
export const CACHE_FOREVER = 'public, max-age=31536000, immutable'

/** Kept, and asked about each time: page, service worker, manifest, icons. */
export const CACHE_REVALIDATE = 'no-cache'

/** Never kept: answers about now. */
export const CACHE_NEVER = 'no-store'

/**
 * Pages of other relays use mailboxes and ask for assistance, too, so every origin may read the answers: nothing in them depends
 * on who asks but by what the request itself proves, and no cookie is ever looked at.
 * Fetch standard, 3.3 (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */
export const ANY_ORIGIN = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST',
  'Access-Control-Allow-Headers': 'content-type',
  'Access-Control-Max-Age': '86400',
}
