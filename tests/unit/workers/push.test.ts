import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SHELF_LOCK } from '../../../src/lib/features/notifications/ui/shelf-lock.ts'
import {
  ANSWER_TIMEOUT_MS,
  LOOK_TIMEOUT_MS,
  SHOW_TIMEOUT_MS,
  showWhenPushed,
} from '../../../src/workers/push.ts'

/** A page under the service worker. */
interface Page {
  visibilityState: DocumentVisibilityState
  postMessage: (message: unknown, transfer: [MessagePort]) => void
}

let pages: Page[]
let shown: { title: string; options: NotificationOptions }[]
let scope: EventTarget
let ports: MessagePort[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  pages = []
  shown = []
  ports = []
  scope = Object.assign(new EventTarget(), {
    clients: { matchAll: () => Promise.resolve(pages) },
    registration: {
      getNotifications: () => Promise.resolve(shown),
      showNotification(title: string, options: NotificationOptions) {
        shown.push({ title, options })
        return Promise.resolve()
      },
    },
  })
  vi.stubGlobal('self', scope)
  vi.stubGlobal('caches', {
    open: () => Promise.resolve({ match: () => Promise.resolve(new Response('ru')) }),
  })
  showWhenPushed()
})

afterEach(() => {
  for (const port of ports) port.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** @param answers what the page says when it is asked, one after the other */
function page(visibilityState: DocumentVisibilityState, ...answers: string[]): Page {
  return {
    visibilityState,
    postMessage(_message, [port]) {
      ports.push(port)
      for (const answer of answers) port.postMessage(answer)
    },
  }
}

/** Pushes, and lets up to this much time pass until the worker has done with it. */
async function push(patienceMs: number): Promise<void> {
  const over = new AbortController()
  const event = Object.assign(new Event('push'), {
    waitUntil: (work: Promise<void>) =>
      void work.then(() => {
        over.abort()
      }),
  })
  scope.dispatchEvent(event)
  for (let passedMs = 0; passedMs <= patienceMs; passedMs += 50) {
    // What goes over ports takes turns of its own.
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    if (over.signal.aborted) return
    await vi.advanceTimersByTimeAsync(50)
  }
  throw new Error(`not done after ${patienceMs} ms`)
}

const general = {
  title: 'Starling',
  options: expect.objectContaining({ body: 'Новые сообщения', silent: false }) as object,
}

test('where no page is, it is said that something came, in the language chosen', async () => {
  await push(0)
  expect(shown).toEqual([general])
})

test('a page that does not answer, as one that is locked or frozen, is waited for a moment', async () => {
  pages = [page('visible'), page('hidden')]
  await push(ANSWER_TIMEOUT_MS)
  expect(shown).toEqual([general])
})

test('a host that does not come to an end is waited for as long as it may take', async () => {
  pages = [page('hidden', 'here')]
  await push(LOOK_TIMEOUT_MS + SHOW_TIMEOUT_MS + 500)
  expect(shown).toEqual([general])
})

test('a host that does not come to an end, and whose page shows something or is in view, is enough', async () => {
  pages = [page('hidden', 'here')]
  setTimeout(() => shown.push({ title: 'Boris', options: {} }), LOOK_TIMEOUT_MS / 2)
  await push(LOOK_TIMEOUT_MS + SHOW_TIMEOUT_MS + 500)
  expect(shown).toEqual([{ title: 'Boris', options: {} }])
  shown.pop()
  pages = [page('visible', 'here')]
  await push(LOOK_TIMEOUT_MS + SHOW_TIMEOUT_MS + 500)
  expect(shown).toEqual([])
})

test('where a page in view has a host that looked, nothing is shown', async () => {
  pages = [page('hidden'), page('visible', 'here', 'looked')]
  await push(0)
  expect(shown).toEqual([])
})

test('what a page shows meanwhile is enough', async () => {
  pages = [page('hidden', 'here', 'looked')]
  setTimeout(() => shown.push({ title: 'Boris', options: {} }), SHOW_TIMEOUT_MS / 2)
  await push(SHOW_TIMEOUT_MS)
  expect(shown).toEqual([{ title: 'Boris', options: {} }])
})

test('nobody looks while a page is showing: Chromium would forget what it shows', async () => {
  pages = [page('hidden', 'here', 'looked')]
  const showing = Promise.withResolvers<undefined>()
  void navigator.locks.request(SHELF_LOCK, () => showing.promise)
  setTimeout(() => {
    shown.push({ title: 'Boris', options: {} })
    showing.resolve(undefined)
  }, 2 * SHOW_TIMEOUT_MS)
  await push(3 * SHOW_TIMEOUT_MS)
  expect(shown).toEqual([{ title: 'Boris', options: {} }])
})

test('where the host found nothing to be heard, something stands there silently', async () => {
  pages = [page('hidden', 'here', 'looked')]
  await push(SHOW_TIMEOUT_MS + 500)
  expect(shown).toMatchObject([{ title: 'Starling', options: { silent: true } }])
})
