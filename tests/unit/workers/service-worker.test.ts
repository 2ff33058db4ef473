import { afterAll, beforeAll, expect, test, vi } from 'vitest'

vi.mock('workbox-precaching', () => ({
  cleanupOutdatedCaches: () => undefined,
  createHandlerBoundToURL: (shell: string) => () => shell,
  precacheAndRoute: () => undefined,
}))

/** The worker's own scope: as much of it as listens. */
const scope = new EventTarget()

beforeAll(async () => {
  vi.stubGlobal(
    'self',
    Object.assign(scope, { __WB_MANIFEST: [], location: { origin: 'https://relay.example' } }),
  )
  await import('../../../src/workers/service-worker.ts')
})

afterAll(() => {
  vi.unstubAllGlobals()
})

/** What the worker answers to a request, null when it leaves it to the network. */
function answer(path: string, mode: RequestMode): unknown {
  let given: unknown = null
  const event = Object.assign(new Event('fetch'), {
    request: { url: `https://relay.example${path}`, mode },
    respondWith: (answered: unknown) => (given = answered),
  })
  scope.dispatchEvent(event)
  return given
}

test.for(['/', '/index.html', '/anything', '/health/', '/metrics-of-mine'])(
  'opening %s shows the app, without a network too',
  (path) => {
    expect(answer(path, 'navigate')).toBe('/index.html')
  },
)

test.for(['/health', '/metrics', '/metrics?now', '/api/bootstrap'])(
  'opening %s shows what the relay says',
  (path) => {
    expect(answer(path, 'navigate')).toBeNull()
  },
)

test('a download that nobody announced is not the page', () => {
  expect(answer('/download/1', 'navigate')).toMatchObject({ status: 404 })
})

test('what a page loads is not the page', () => {
  expect(answer('/assets/a.js', 'no-cors')).toBeNull()
})
