/// <reference lib="webworker" />
import {
  cleanupOutdatedCaches,
  createHandlerBoundToURL,
  precacheAndRoute,
} from 'workbox-precaching'
import { announceDownloads, downloadAt } from './downloads.ts'
import { giveHandovers, handoverAt, handoverTaken } from './handover.ts'
import { openOnClick } from './notification-click.ts'
import { showWhenPushed } from './push.ts'

declare const self: ServiceWorkerGlobalScope

/*
 * Keeps the page and its scripts, so that Starling opens without a network. A new version waits until the person
 * agrees: a tab then says `SKIP_WAITING`.
 */
precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
announceDownloads()
giveHandovers()
openOnClick()
showWhenPushed()

const shell = createHandlerBoundToURL('/index.html')

/** What the relay itself answers (relay-node/src/http.ts). */
const RELAYS_OWN = /^\/(?:api\/|(?:health|metrics)$)/

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  const own = url.origin === self.location.origin
  const download = own ? downloadAt(url) : null
  const handover = own ? handoverAt(event, url) : null
  if (download !== null) event.respondWith(download)
  else if (handover !== null) {
    event.respondWith(handover)
    event.waitUntil(handover.then(handoverTaken))
  } else if (request.mode === 'navigate' && !RELAYS_OWN.test(url.pathname)) {
    event.respondWith(shell({ event, request, url }))
  }
})

self.addEventListener('message', ({ data }: ExtendableMessageEvent) => {
  if (data === 'SKIP_WAITING') void self.skipWaiting()
})

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})
