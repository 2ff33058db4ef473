import {
  DOWNLOAD_PATH,
  pageLock,
  serviceWorkerLock,
  type BeginDownload,
  type FromPage,
  type FromServiceWorker,
} from '../lib/ui/download-messages.ts'

declare const self: ServiceWorkerGlobalScope

/** Downloads at once: more than a person begins. */
const MAX_DOWNLOADS = 100

/** What a page has announced and no request has asked for yet. */
const announced = new Map<string, Response>()

/** Files of a page go to the browser's downloads piece by piece, as fast as the browser takes them. */
export function announceDownloads(): void {
  self.addEventListener('message', ({ data, ports: [port] }: ExtendableMessageEvent) => {
    if (port === undefined || !isBegin(data) || announced.size >= MAX_DOWNLOADS) return
    announce(data, port)
  })
}

/** The answer to a request for a download, once; null for all other requests. */
export function downloadAt({ pathname }: URL): Response | null {
  if (!pathname.startsWith(DOWNLOAD_PATH)) return null
  const id = pathname.slice(DOWNLOAD_PATH.length)
  const answer = announced.get(id)
  announced.delete(id)
  return answer ?? new Response(null, { status: 404 })
}

function announce({ download, name, bytes }: BeginDownload, port: MessagePort): void {
  const { locks } = self.navigator
  const say = (word: FromServiceWorker): void => {
    port.postMessage(word)
  }
  let ended = false
  const end = (): void => {
    ended = true
    announced.delete(download)
    port.onmessage = null
  }

  let fail!: () => void
  let given = Promise.withResolvers<undefined>()
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start(controller) {
        fail = () => {
          if (ended) return
          controller.error(new Error('the page has given it up'))
          end()
        }
        port.onmessage = ({ data }: MessageEvent<FromPage>) => {
          if (data === 'drop') fail()
          else if (data === 'end') {
            controller.close()
            say('kept')
            end()
          } else controller.enqueue(data)
          given.resolve(undefined)
        }
      },
      pull() {
        given = Promise.withResolvers()
        say('more')
        return given.promise
      },
      cancel() {
        say('stopped')
        end()
      },
    },
    // Nothing lies between the page and the browser: what was taken is written.
    { highWaterMark: 0 },
  )
  announced.set(download, answerWith(body, name, bytes))
  void locks.request(serviceWorkerLock(download), async () => {
    say('ready')
    // The page lets go when it has heard how it ended, or is gone itself.
    await locks.request(pageLock(download), () => undefined)
    fail()
  })
}

function answerWith(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  name: string,
  bytes: number | null,
): Response {
  return new Response(body, {
    headers: {
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeName(name)}`,
      ...(bytes === null ? {} : { 'Content-Length': String(bytes) }),
      // Whatever it is, it is never shown as a page.
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
    },
  })
}

/** RFC 8187, 3.2.1. */
function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function isBegin(data: unknown): data is BeginDownload {
  return typeof data === 'object' && data !== null && 'download' in data
}
