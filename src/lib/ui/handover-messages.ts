/**
 * What another app shares with this one. The browser posts it to `HANDOVER_PATH` as public/manifest.webmanifest tells it to
 * (https://w3c.github.io/web-share-target/); the service worker keeps it in memory, opens the page at `HANDOVER_HASH`, and
 * gives it over the port that comes with `TAKE_HANDOVER`, once.
 */
export const HANDOVER_PATH = '/handover'
export const HANDOVER_HASH = '#/handover'
export const TAKE_HANDOVER = 'TAKE_HANDOVER'

/** Files at once: more than fit into a tray. */
export const MAX_HANDOVER_FILES = 100

/** UTF-16 units of text: more than a message holds. */
export const MAX_HANDOVER_CHARS = 64 * 1024

export interface Handover {
  files: File[]
  /** A title, a text and an address, a line each; empty when only files were shared. */
  text: string
}
