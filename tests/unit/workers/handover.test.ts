import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HANDOVER_PATH } from '../../../src/lib/ui/handover-messages.ts'
import type * as HandoverWorker from '../../../src/workers/handover.ts'
import { isHandedOver, takeHandover } from '../../../src/routes/handover.ts'

let worker: typeof HandoverWorker

/** A page and its service worker. */
beforeEach(async () => {
  const scope = new EventTarget()
  vi.stubGlobal('self', scope)
  vi.resetModules()
  worker = await import('../../../src/workers/handover.ts')
  worker.giveHandovers()
  const active = {
    postMessage(data: unknown, ports: MessagePort[] = []) {
      scope.dispatchEvent(Object.assign(new Event('message'), { data, ports }))
    },
  }
  vi.stubGlobal('navigator', {
    serviceWorker: { getRegistration: () => Promise.resolve({ active }) },
  })
  // As a browser does, and unlike Node, it is relative to where the worker is.
  vi.spyOn(Response, 'redirect').mockImplementation(
    (url, status) => new Response(null, { status: status!, headers: { Location: String(url) } }),
  )
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function share(parts: [string, string | File][], path = HANDOVER_PATH, method = 'POST') {
  const body = new FormData()
  for (const [name, value] of parts) body.append(name, value)
  const url = new URL(path, 'https://starling.example')
  const request = new Request(url, { method, body: method === 'POST' ? body : null })
  return worker.handoverAt({ request } as FetchEvent, url)
}

test('what another app shares is given to the page it opens, once', async () => {
  const answer = await share([
    ['files', new File(['one'], 'a.txt')],
    ['title', 'A walk'],
    ['text', 'https://example.org/walk'],
    ['url', 'https://example.org/walk'],
  ])!
  const taken = worker.handoverTaken()
  vi.stubGlobal('location', { hash: new URL(answer.headers.get('Location')!, 'https://a').hash })
  vi.stubGlobal('history', { state: null, replaceState: () => undefined })
  expect(isHandedOver()).toBe(true)
  const handover = await takeHandover()
  await taken
  expect(handover!.files.map(({ name }) => name)).toEqual(['a.txt'])
  expect(handover!.text).toBe('A walk\nhttps://example.org/walk')
  expect(await takeHandover()).toBeNull()
})

test('nothing else is taken for it', () => {
  expect(share([], '/', 'POST')).toBeNull()
  expect(share([], HANDOVER_PATH, 'GET')).toBeNull()
  vi.stubGlobal('location', { hash: '#/chat/a' })
  expect(isHandedOver()).toBe(false)
})

test('of very much, some is taken', async () => {
  await share([
    ...Array.from({ length: 150 }, (_, at): [string, File] => ['files', new File([''], `${at}`)]),
    ['files', 'no file'],
    ['text', 'x'.repeat(1_000_000)],
  ])
  const handover = await takeHandover()
  expect(handover!.files).toHaveLength(100)
  expect(handover!.text).toHaveLength(64 * 1024)
})
