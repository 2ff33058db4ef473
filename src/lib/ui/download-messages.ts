/**
 * What a page and the service worker say to each other while a file goes to the browser's downloads. The page holds the
 * bytes, and only the service worker can answer a request with them as they come.
 *
 *     page                                     service worker
 *     BeginDownload, with a port           ─►
 *                                          ◄─  ready
 *     opens DOWNLOAD_PATH + id in a frame  ─►  answers with what will come
 *                                          ◄─  more              whenever the browser takes bytes
 *     a piece                              ─►
 *     end                                  ─►
 *                                          ◄─  kept
 *
 * Either may be gone without a word: each holds a Web Lock for as long as it lives, and the other waits for that.
 */

/** Before the id of a download; one request is answered under it. */
export const DOWNLOAD_PATH = '/download/'

export interface BeginDownload {
  /** A UUID. */
  download: string
  /** What the file is to be called. */
  name: string
  /** How long it will be; null where that is not known. */
  bytes: number | null
}

/** Said now and then: a service worker that hears nothing is ended after half a minute. */
export const STAY_AWAKE = 'STAY_AWAKE'

/** What the page says over the port; `drop` gives it up. */
export type FromPage = Uint8Array<ArrayBuffer> | 'end' | 'drop'

/** What the service worker says over the port; `stopped` means the person has ended the download. */
export type FromServiceWorker = 'ready' | 'more' | 'kept' | 'stopped'

export const pageLock = (download: string): string => `starling-download-page-${download}`
export const serviceWorkerLock = (download: string): string => `starling-download-${download}`
