/// <reference lib="webworker" />
import {
  cleanupOutdatedCaches,
  createHandlerBoundToURL,
  precacheAndRoute,
} from 'workbox-precaching'

declare const self: ServiceWorkerGlobalScope

/*
 * Keeps the page and its scripts, so that Starling opens without a network. A new version waits until the person
 * agrees: a tab then says `SKIP_WAITING`.
 */
precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()

const shell = createHandlerBoundToURL('/index.html')

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.mode !== 'navigate' || new URL(request.url).pathname.startsWith('/api/')) return
  event.respondWith(shell({ event, request, url: new URL(request.url) }))
})

self.addEventListener('message', ({ data }: ExtendableMessageEvent) => {
  if (data === 'SKIP_WAITING') void self.skipWaiting()
})

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})
